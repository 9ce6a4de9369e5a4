"""Lists and maps: what is in a file, and what is found in it."""

import gzip
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.lookup.table import KEY_CHARACTERS_MAX, Table, WrongTable, read_table
from cluster.rules.facts import NOT_THERE

LINES = b"""\xef\xbb\xbf# bad ones
a@b.org
Key = some value = more   # said why
*.Example.org=below
*@example.net
10.0.0.0/8=private
10.1.0.0/16=ours
  # not this
2001:db8::/32
192.0.2.1=one
"""


def read(data: bytes, form: Any = "lines", **bounds: Any) -> Table:
    return read_table(data, form, **({"bytes_max": 10_000, "entries_max": 100} | bounds))


@pytest.mark.parametrize("data", [LINES, LINES.replace(b"\n", b"\r\n"), gzip.compress(LINES, mtime=0)])
def test_keys_endings_and_networks(data: bytes) -> None:
    table = read(data)
    found = {key: table.find(key) for key in FOUND}
    assert found == FOUND
    assert len(table) == 8


FOUND = {
    "A@B.org": "",
    "key": "some value = more",
    "mx.example.org": "below",
    "a.b.EXAMPLE.org": "below",
    "x@y.example.org": "below",
    "example.org": NOT_THERE,
    "notexample.org": NOT_THERE,
    "who@example.net": "",
    "10.9.9.9": "private",
    "10.1.9.9": "ours",
    "::ffff:10.1.9.9": "ours",
    "2001:db8::9": "",
    "192.0.2.1": "one",
    "192.0.2.2": NOT_THERE,
    "": NOT_THERE,
    "# bad ones": NOT_THERE,
    "x" * (KEY_CHARACTERS_MAX + 1): NOT_THERE,
}


def test_the_most_exact_entry_counts() -> None:
    table = Table([("*.org", "1"), ("*.example.org", "2"), ("a.example.org", "3"), ("a.example.org", "later")])
    assert [table.find(key) for key in ("x.org", "x.example.org", "a.example.org")] == ["1", "2", "3"]


def test_case_may_matter() -> None:
    table = Table([("A", "1")], case_sensitive=True)
    assert (table.find("A"), table.find("a")) == ("1", NOT_THERE)


def test_csv() -> None:
    table = read(b'# c\n"a,b",1,more\n\nc\n10.0.0.0/8,"x ""y"""\n', "csv")
    assert [table.find(key) for key in ("a,b", "c", "10.2.3.4", "d")] == ["1", "", 'x "y"', NOT_THERE]


@pytest.mark.parametrize(
    ("data", "bounds", "says"),
    [
        (b"a\n" * 101, {}, "more than 100 entries"),
        (b"x" * 10_001, {}, "larger than 10000 bytes"),
        (gzip.compress(b"x\n" * 10_000_000, mtime=0), {}, "larger than 10000 bytes"),
        (gzip.compress(b"abc" * 99, mtime=0)[:-9], {}, "cut off"),
        (b"\x1f\x8bnot", {}, "no gzip file"),
        (b"a\xff", {}, "not UTF-8"),
        (b"\n=x", {}, "line 2: there is no key"),
        (b"k" * 1001, {}, "line 1: longer"),
        (b"k=" + b"v" * 4001, {}, "line 1: longer"),
        (b'"a\n' * 2 + b"x" * 140_000, {"form": "csv", "bytes_max": 200_000}, "field larger"),
    ],
)
def test_what_is_no_table_is_told(data: bytes, bounds: dict[str, Any], says: str) -> None:
    with pytest.raises(WrongTable, match=says):
        read(data, **bounds)


@settings(deadline=None)
@given(st.dictionaries(st.text("ab.@-", min_size=1), st.text("abc=. ", max_size=5).map(str.strip), max_size=9))
def test_what_is_written_is_found(entries: dict[str, str]) -> None:
    table = read("\n".join(f"{key}={value}" for key, value in entries.items()).encode())
    assert {key: table.find(key) for key in entries} == entries

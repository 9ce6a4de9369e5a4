"""The reader takes what is in the grammar and nothing else, and finds where a response ends."""

import re
from pathlib import Path

import pytest

from tests.strict import responses
from tests.strict.stream import split, whole

CASES = [
    line.partition(": ")[::2]
    for line in (Path(__file__).parent / "cases.txt").read_text().splitlines()
    if not line.startswith("#")
]


def _octets(text: str) -> bytes:
    escaped = re.sub(r"%([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text.replace("}~", "}\r\n"))
    return escaped.encode("latin-1") + b"\r\n"


@pytest.mark.parametrize("text", [text for verdict, text in CASES if verdict == "yes"])
def test_what_is_in_the_grammar(text: str) -> None:
    raw = _octets(text)
    responses.read(raw)
    assert list(split(raw)) == [raw]
    assert [size for size in range(len(raw)) if whole(raw[:size])] == []
    with pytest.raises((AssertionError, UnicodeError)):
        responses.read(raw[:-2] + b" \r\n" if not re.match(rb"[^ ]+ (OK|BYE|PREAUTH|NO) |\+ ", raw) else raw[:-1])


@pytest.mark.parametrize("text", [text for verdict, text in CASES if verdict == "no"])
def test_what_is_not(text: str) -> None:
    with pytest.raises((AssertionError, UnicodeError, KeyError, ValueError)):
        responses.read(_octets(text))


def test_utf8_only_where_it_is_enabled() -> None:
    for text in ('* LIST () "/" "é"', '* 1 FETCH (ENVELOPE (NIL "é" NIL NIL NIL NIL NIL NIL NIL NIL))', "* OK é"):
        responses.read(text.encode() + b"\r\n", utf8=True)
        with pytest.raises((AssertionError, UnicodeError)):
            responses.read(text.encode() + b"\r\n")


def test_a_stream_is_cut_where_responses_end() -> None:
    raw = [b"* OK Say {3}\r\n", b"* 1 FETCH (BODY[] {4}\r\na\r\nb BODY[TEXT] {0}\r\n)\r\n", b"t OK done\r\n"]
    assert list(split(b"".join(raw))) == raw
    assert list(split(b"".join(raw)[:-1], cut_off=True)) == raw[:-1]
    with pytest.raises(AssertionError):
        list(split(b"".join(raw)[:-1]))

"""IMAP strings: quoted where they may be, literals where they must."""

import pytest

from mail.message.render import QUOTED_BYTES_MAX, nstring, pairs, string


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        (b"", b'""'),
        (b"abc", b'"abc"'),
        (b"a\tb\x7f", b'"a\tb\x7f"'),
        (b'a"b\\c', b'"a\\"b\\\\c"'),
        (b"a\rb", b"{3}\r\na\rb"),
        (b"a\nb", b"{3}\r\na\nb"),
        (b"\xc3\xa9", b"{2}\r\n\xc3\xa9"),
        (b"a\0b", b"{2}\r\nab"),
        (b"x" * QUOTED_BYTES_MAX, b'"' + b"x" * QUOTED_BYTES_MAX + b'"'),
        (b"x" * (QUOTED_BYTES_MAX + 1), b"{1001}\r\n" + b"x" * (QUOTED_BYTES_MAX + 1)),
    ],
)
def test_string(value: bytes, rendered: bytes) -> None:
    assert string(value) == rendered
    assert nstring(value) == rendered


def test_nil_and_lists() -> None:
    assert nstring(None) == b"NIL"
    assert pairs(()) == b"NIL"
    assert pairs(((b"a", b"b"), (b"c", b'"'))) == b'("a" "b" "c" "\\"")'

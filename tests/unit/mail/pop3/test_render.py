"""Responses: status lines within their bounds, and messages whose octets never end the response before its end."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.pop3 import render

_LINE_END = re.compile(rb"\r\n|\r|\n")
_PIECES = st.sampled_from([b".", b"..", b"\r", b"\n", b"\r\n", b"\r\n.\r\n", b"\0", b"x", b"From here", b"\xc3\xa4"])
_CONTENTS = st.lists(_PIECES | st.binary(max_size=3), max_size=20).map(b"".join)


def test_status_lines() -> None:
    assert render.ok() == b"+OK\r\n"
    assert render.ok("2 320") == b"+OK 2 320\r\n"
    assert render.err("No") == b"-ERR No\r\n"
    assert render.err("Later", "SYS/TEMP") == b"-ERR [SYS/TEMP] Later\r\n"


@pytest.mark.parametrize("text", ["[AUTH] no", "a\r\nb", "\0", "ä" * 1000, "x" * 1000])
def test_a_status_line_is_one_line_of_ascii(text: str) -> None:
    """RFC 2449 3, 4."""
    for line in (render.ok(text), render.err(text), render.err(text, "SYS/PERM")):
        assert len(line) <= 512
        assert line.isascii()
        assert line.endswith(b"\r\n")
        assert not re.search(rb"[\x00-\x1f\x7f]", line[:-2])
        assert not line.removeprefix(b"-ERR [SYS/PERM] ").startswith((b"-ERR [", b"+OK ["))


def test_listings() -> None:
    assert render.listing([]) == b".\r\n"
    assert render.listing(["1 120", "2 200"]) == b"1 120\r\n2 200\r\n.\r\n"


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (b"", b".\r\n"),
        (b"a: b\r\n", b"a: b\r\n.\r\n"),
        (b"a: b", b"a: b\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
        (b"a\n.\nb\r\n", b"a\n..\nb\r\n.\r\n"),
        (b"a\r.\rb\r\n", b"a\r..\rb\r\n.\r\n"),
        (b"a\r", b"a\r\r\n.\r\n"),
        (b"a\n", b"a\n\r\n.\r\n"),
        (b"a\0b\r\n", b"a\x80b\r\n.\r\n"),
        (b"a.b\r\n", b"a.b\r\n.\r\n"),
    ],
)
def test_messages(content: bytes, sent: bytes) -> None:
    assert b"".join(render.message(content)) == sent


@given(_CONTENTS, st.integers(1, 7))
def test_a_response_ends_at_its_end_however_lines_are_told_apart(content: bytes, piece_bytes: int) -> None:
    """And a client that takes doubled dots away has the message, but for what no line may hold."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "PIECE_BYTES", piece_bytes)
        pieces = list(render.message(content))
    sent = b"".join(pieces)
    assert sent == b"".join(render.message(content)), "however it is cut"
    *lines, last, nothing = _LINE_END.split(sent)
    assert (last, nothing) == (b".", b"")
    assert b"." not in lines
    assert sent.endswith(b".\r\n")
    assert b"\0" not in sent
    body = re.sub(rb"(\A|\r\n|\r|\n)\.", rb"\1", sent.removesuffix(b".\r\n"))
    assert body in (content.replace(b"\0", b"\x80"), content.replace(b"\0", b"\x80") + b"\r\n")
    assert len(body) - len(content) == (0 if content.endswith(b"\r\n") or not content else 2)


def test_a_large_message_comes_in_pieces() -> None:
    content = b"y" * (3 * render.PIECE_BYTES) + b"\r\n"
    pieces = list(render.message(content))
    assert len(pieces) == 4
    assert max(map(len, pieces)) <= render.PIECE_BYTES + len(render.END)


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [(0, b""), (1, b"one\r\n"), (2, b"one\r\n\r\n"), (3, b"one\r\n\r\nthree"), (10**18, b"one\r\n\r\nthree")],
)
def test_top(lines: int, wanted: bytes) -> None:
    head = b"a: b\r\n\r\n"
    assert render.top(head + b"one\r\n\r\nthree", len(head), lines) == head + wanted
    assert render.top(b"a: b\r\n", 6, lines) == b"a: b\r\n"


@given(
    st.lists(st.sampled_from([b"\n", b"x", b"xy\r\n"]), max_size=60).map(b"".join),
    st.integers(0, 30),
    st.integers(1, 9),
)
def test_top_is_as_many_lines_as_there_are(body: bytes, lines: int, block_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "_BLOCK_BYTES", block_bytes)
        found = render.top(b"h\r\n\r\n" + body, 5, lines)
    assert found == b"h\r\n\r\n" + b"".join(body.splitlines(keepends=True)[:lines])

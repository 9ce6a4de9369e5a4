"""Replies: what is read, what is refused, what is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.smtp.client.replies import LINE_BYTES_MAX, LINES_MAX, REPLY_BYTES_MAX, ReplyReader
from mail.smtp.replies import Reply


def _read(data: bytes, step: int = 0) -> tuple[list[Reply], str]:
    reader = ReplyReader()
    found: list[Reply] = []
    for start in range(0, len(data), step or max(1, len(data))):
        reader.add(data[start : start + step] if step else data)
        while (reply := reader.next()) is not None:
            found.append(reply)
        assert reader.waiting_bytes <= REPLY_BYTES_MAX + LINE_BYTES_MAX
    return found, reader.garbled


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"250 2.1.0 Ok\r\n", Reply(250, "2.1.0", "Ok")),
        (b"250\r\n", Reply(250, "", "")),
        (b"250 \n", Reply(250, "", "")),
        (b"550-5.1.1 No such\r\n550 5.1.1 user\r\n", Reply(550, "5.1.1", "No such\nuser")),
        (b"550-5.1.1 No such\r\n550 user\r\n", Reply(550, "5.1.1", "No such\nuser")),
        (b"450 5.1.1 of another class\r\n", Reply(450, "", "5.1.1 of another class")),
        (b"250 2.1.0\r\n", Reply(250, "2.1.0", "")),
        (b"250 2.1.0.4 x\r\n", Reply(250, "", "2.1.0.4 x")),
        (b"554 \x1b[31m\x00\xff caf\xc3\xa9\r\n", Reply(554, "", "?[31m?\ufffd café")),
    ],
)
def test_read(data: bytes, wanted: Reply) -> None:
    assert _read(data) == ([wanted], "")
    assert _read(data, 1) == ([wanted], "")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"HTTP/1.1 200 OK\r\n", "no reply"),
        (b"600 x\r\n", "no reply"),
        (b"25 x\r\n", "no reply"),
        (b"250x\r\n", "no reply"),
        (b"250 a\rb\r\n", "no reply"),
        (b"\r\n", "no reply"),
        (b"250-a\r\n251 b\r\n", "two codes"),
        (b"250 " + b"x" * LINE_BYTES_MAX, "line too long"),
        (b"250 " + b"x" * LINE_BYTES_MAX + b"\r\n", "line too long"),
        (b"250-x\r\n" * (LINES_MAX + 1), "too long"),
        ((b"250-" + b"x" * 1000 + b"\r\n") * 50, "too long"),
    ],
)
def test_garbled(data: bytes, why: str) -> None:
    for step in (0, 1):
        found, garbled = _read(data + b"250 after\r\n", step)
        assert found == []
        assert why in garbled


@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b"250-a\r\n", b"250 2.0.0 b\r\n", b"251 c\n", b"2", b"\r"])).map(b"".join)
)
def test_whole_equals_byte_by_byte(data: bytes) -> None:
    whole, pieces = _read(data), _read(data, 1)
    assert whole == pieces
    assert all(reply.text.replace("\n", "").isprintable() for reply in whole[0])

"""Where an answer ends."""

import pytest

from ops.bench.wire import NotOk, checked, ended


@pytest.mark.parametrize(
    ("tail", "line"),
    [
        (b"* 5 EXISTS\r\nT1 OK done\r\n", b"T1 OK done\r\n"),
        (b"T1 NO not so\r\n", b"T1 NO not so\r\n"),
        (b"* 5 EXISTS\r\nT1 OK do", None),
        (b"* 5 EXISTS\r\n", None),
        (b"* T1 OK\r\n", None),
        (b"T12 OK done\r\n", None),
        (b"", None),
    ],
)
def test_an_answer_ends_with_its_tagged_line(tail: bytes, line: bytes | None) -> None:
    assert ended(tail, b"T1 ") == line


def test_anything_but_ok_is_an_error() -> None:
    checked(b"T1 OK done\r\n", b"T1 ")
    with pytest.raises(NotOk, match="NO not so"):
        checked(b"T1 NO not so\r\n", b"T1 ")

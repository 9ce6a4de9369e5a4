"""Sizes of parts, and parts that are found again."""

from base64 import b64encode, encodebytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mail.jmap.email.bodies import find, leaves, part_at, tree
from mail.jmap.email.parts import base64_size
from mail.message.record import read_message
from mail.message.words import base64_bytes


@given(
    st.binary(max_size=200).map(b64encode)
    | st.binary(max_size=200).map(encodebytes)
    | st.lists(st.sampled_from([b"QUJD", b"QQ==", b"=", b"A", b"\r\n", b"\n", b" ", b"-", b"\xff"]), max_size=12).map(
        b"".join
    )
)
@example(b"QQ=\r\n=")
@example(b"QQ==QUJD")
@example(b"==QQ")
@example(b"")
def test_size_without_decoding(data: bytes) -> None:
    assert base64_size(data) == len(base64_bytes(data))


def test_a_part_is_found_by_its_number_and_by_its_place() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\n"
        b"Content-Type: multipart/digest; boundary=y\r\n\r\n--y\r\n\r\nSubject: in\r\n\r\n--y--\r\n--x--\r\n"
    )
    root = read_message(raw).root
    nodes = list(leaves(tree(root)))
    assert [node.id for node in nodes] == ["1", "2.1"]
    for node in nodes:
        assert node.id is not None
        assert find(root, node.id) is node.part
        assert part_at(root, node.part.start) is node.part
    assert find(root, "2") is None
    assert part_at(root, 0) is None
    alone = read_message(b"Subject: x\r\n\r\n").root
    assert find(alone, "1") is part_at(alone, 0) is alone


@pytest.mark.parametrize("part_id", ["", "0", "1.1", "x"])
def test_no_such_part(part_id: str) -> None:
    assert find(read_message(b"x").root, part_id) is None

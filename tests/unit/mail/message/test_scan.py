"""The tree of parts: boundaries, headers and ends, whole and broken."""

import pytest

from mail.message.limits import Limits
from mail.message.part import Part
from mail.message.scan import scan
from tests.unit.mail.message.shapes import check_part

TOP = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def bodies(raw: bytes, limits: Limits | None = None) -> list[bytes]:
    root = scan(raw, limits) if limits else scan(raw)
    check_part(root, 0, len(raw))
    return [raw[child.body : child.end] for child in root.children]


def depth(part: Part) -> int:
    return 1 + max(map(depth, part.children), default=0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", [b"one", b"two"]),
        (b"--b\n\none\n--b\n\ntwo\n--b--\n", [b"one", b"two"]),
        (b"pre\r\n--b\r\n\r\none\r\n--b--\r\nepilogue\r\n--b\r\n\r\nno part", [b"one"]),
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n", [b"one", b"two\r\n"]),
        (b"--b \t \r\n\r\none\r\n--b-- \t\r\n", [b"one"]),
        (b"--b\r\n\r\n--bb\r\n--b-\r\n--bx--\r\n --b\r\nx--b\r\n--b--", [b"--bb\r\n--b-\r\n--bx--\r\n --b\r\nx--b"]),
        (b"--b\r\n\r\n\r\n--b--\r\n", [b""]),
        (b"--b\r\n--b--\r\n", [b""]),
        (b"--b\r\n--b\r\n--b--", [b"", b""]),
        (b"--b\r\nno field here\r\n--b--", [b"no field here"]),
        (b"--b\r\nX: y\r\n--b--", [b""]),
        (b"--b", [b""]),
        (b"no boundary\r\n", [b"no boundary\r\n"]),
        (b"", [b""]),
    ],
)
def test_parts_stand_between_the_boundary_lines(body: bytes, expected: list[bytes]) -> None:
    assert bodies(TOP + body) == expected


def test_an_outer_boundary_ends_an_inner_multipart() -> None:
    inner = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\none\r\n"
    root = scan(TOP + inner + b"--b\r\n\r\ntwo\r\n--b--")
    assert [part.type for part in root.children] == ["multipart", "text"]
    assert len(root.children[0].children) == 1


def test_the_same_boundary_inside_belongs_to_the_outer_multipart() -> None:
    inner = b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n"
    root = scan(TOP + inner + b"--b\r\n\r\ntwo\r\n--b--")
    assert [part.type for part in root.children] == ["multipart", "text"]


@pytest.mark.parametrize("content_type", [b"multipart/mixed", b'multipart/mixed; boundary=""', b"multipart/mixed; x=y"])
def test_a_multipart_without_boundary_shows_its_body_as_one_text(content_type: bytes) -> None:
    assert bodies(b"Content-Type: " + content_type + b"\r\n\r\ntext\r\n") == [b"text\r\n"]


@pytest.mark.parametrize("value", [b"", b"text", b"/", b"text/", b'"text/html"', b"\xff/x", b"(x) ", b";charset=x"])
def test_an_unusable_content_type_is_plain_text(value: bytes) -> None:
    root = scan(b"Content-Type: " + value + b"\r\n\r\nx")
    assert (root.type, root.subtype, root.parameters) == ("text", "plain", ((b"charset", b"us-ascii"),))


def test_encapsulated_message_has_its_envelope_and_lines() -> None:
    root = scan(b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\none\r\ntwo\r\n")
    (inner,) = root.children
    assert (root.lines, inner.lines) == (4, 2)
    assert b'"inner"' in inner.envelope
    assert inner.start == root.body


def test_digest_holds_messages() -> None:
    root = scan(b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\ny\r\n--b--")
    assert root.children[0].is_message


def test_other_message_types_are_opaque() -> None:
    root = scan(b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n")
    assert (root.type, root.subtype, root.children, root.lines) == ("message", "delivery-status", (), 0)


def test_other_fields() -> None:
    root = scan(
        b"Content-Transfer-Encoding: Base64 \r\nContent-ID: <x>\r\nContent-Description: a\r\n b\r\n"
        b"Content-Language: en, de\r\nContent-Location: l\r\nContent-MD5: m\r\n"
        b"Content-Disposition: Attachment; filename=x\r\n\r\n"
    )
    assert (root.encoding, root.id, root.description) == ("base64", b"<x>", b"a b")
    assert (root.language, root.location, root.md5) == ((b"en", b"de"), b"l", b"m")
    assert (root.disposition, root.disposition_parameters) == ("attachment", ((b"filename", b"x"),))


def nested(levels: int) -> bytes:
    lines = [b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n"]
    lines += [
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level - 1, level)
        for level in range(1, levels)
    ]
    return b"".join(lines)


def test_depth_is_capped() -> None:
    limits = Limits(depth_max=5)
    assert depth(scan(nested(900), limits)) == 5 + 2  # the root, five levels, and the rest as one text
    assert depth(scan(nested(4), limits)) == 4 + 1
    messages = scan(b"Content-Type: message/rfc822\r\n\r\n" * 900, limits)
    assert depth(messages) == 5 + 1


def test_parts_are_capped_and_the_last_takes_the_rest() -> None:
    found = bodies(TOP + b"--b\r\n\r\na\r\n" * 100, Limits(parts_max=11))
    assert len(found) == 10
    assert found[:9] == [b"a"] * 9
    assert found[9] == b"a\r\n" + b"--b\r\n\r\na\r\n" * 90


def test_parts_are_capped_over_all_levels() -> None:
    level = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" + b"--c\r\n\r\nx\r\n" * 8
    raw = TOP + level * 8 + b"--b--"
    root = scan(raw, Limits(parts_max=20))
    check_part(root, 0, len(raw))

    def count(part: Part) -> int:
        return 1 + sum(map(count, part.children))

    assert 15 <= count(root) <= 20 + 3


def test_lines_like_boundaries_are_capped() -> None:
    limits = Limits(delimiters_max=10)
    assert bodies(TOP + b"--b\r\n\r\n" + b"--bb\r\n" * 20 + b"--b\r\n\r\ntwo", limits)[0].endswith(b"two")


def test_parameters_are_capped() -> None:
    value = b"text/plain" + b"; a=b" * 1000
    assert len(scan(b"Content-Type: " + value + b"\r\n\r\n", Limits(parameters_max=7)).parameters) == 7
    assert len(scan(b"Content-Type: " + value + b"\r\n\r\n", Limits(parameters_bytes_max=100)).parameters) < 20

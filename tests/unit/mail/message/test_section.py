"""Sections (RFC 3501 6.4.5) as byte ranges."""

import pytest

from mail.message.record import read_message
from mail.message.section import What, body, locate

# The shape of the example in RFC 3501 6.4.5: HEADER, TEXT, 1, 2, 3 (message), 4 (multipart with a message).
EXAMPLE = b"""Subject: top
Content-Type: multipart/mixed; boundary=a

--a
Content-Type: text/plain

one
--a
Content-Type: application/octet-stream

two
--a
Content-Type: message/rfc822

Subject: three
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

three-one
--b
Content-Type: application/octet-stream

three-two
--b--
--a
Content-Type: multipart/mixed; boundary=c

--c
Content-Type: image/gif

four-one
--c
Content-Type: message/rfc822

Subject: four-two
Content-Type: text/plain

four-two text
--c--
--a--
""".replace(b"\n", b"\r\n")
TEXT = b"Subject: x\r\n\r\ntext"
MESSAGE = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ninner"


def section(raw: bytes, path: tuple[int, ...], what: What | None) -> bytes | None:
    found = locate(read_message(raw), path, what)
    return None if found is None else raw[found[0] : found[1]]


@pytest.mark.parametrize(
    ("path", "what", "expected"),
    [
        ((), "HEADER", b"Subject: top\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"),
        ((1,), None, b"one"),
        ((1,), "MIME", b"Content-Type: text/plain\r\n\r\n"),
        ((2,), None, b"two"),
        ((3,), "MIME", b"Content-Type: message/rfc822\r\n\r\n"),
        ((3,), "HEADER", b"Subject: three\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"),
        ((3, 1), None, b"three-one"),
        ((3, 1), "MIME", b"Content-Type: text/plain\r\n\r\n"),
        ((3, 2), None, b"three-two"),
        ((4,), "MIME", b"Content-Type: multipart/mixed; boundary=c\r\n\r\n"),
        ((4, 1), None, b"four-one"),
        ((4, 1), "MIME", b"Content-Type: image/gif\r\n\r\n"),
        ((4, 2), "HEADER", b"Subject: four-two\r\nContent-Type: text/plain\r\n\r\n"),
        ((4, 2), "TEXT", b"four-two text"),
        ((4, 2, 1), None, b"four-two text"),
        ((4, 2, 1), "MIME", b"Subject: four-two\r\nContent-Type: text/plain\r\n\r\n"),
        # absent
        ((), "MIME", None),
        ((0,), None, None),
        ((5,), None, None),
        ((1,), "HEADER", None),
        ((1,), "TEXT", None),
        ((1, 1), None, None),
        ((4,), "HEADER", None),
        ((4, 2, 2), None, None),
        ((4, 2, 1, 1), None, None),
        ((3, 3), None, None),
    ],
)
def test_sections_of_a_nested_message(path: tuple[int, ...], what: What | None, expected: bytes | None) -> None:
    assert section(EXAMPLE, path, what) == expected


def test_whole_parts() -> None:
    assert section(EXAMPLE, (), None) == EXAMPLE
    header = section(EXAMPLE, (), "HEADER")
    text = section(EXAMPLE, (), "TEXT")
    assert header is not None
    assert text is not None
    assert header + text == EXAMPLE
    inner = section(EXAMPLE, (3,), None)
    assert inner is not None
    assert inner.startswith(b"Subject: three")
    assert inner.endswith(b"--b--")
    four = section(EXAMPLE, (4,), None)
    assert four is not None
    assert four.startswith(b"--c\r\n")


@pytest.mark.parametrize(
    ("raw", "path", "what", "expected"),
    [
        (TEXT, (1,), None, b"text"),
        (TEXT, (1,), "MIME", b"Subject: x\r\n\r\n"),
        (TEXT, (), "TEXT", b"text"),
        (TEXT, (2,), None, None),
        (TEXT, (1, 1), None, None),
        (TEXT, (1,), "HEADER", None),
        (MESSAGE, (1,), None, b"Subject: in\r\n\r\ninner"),
        (MESSAGE, (1,), "HEADER", b"Subject: in\r\n\r\n"),
        (MESSAGE, (1,), "TEXT", b"inner"),
        (MESSAGE, (1, 1), None, b"inner"),
        (MESSAGE, (1, 2), None, None),
        (b"", (1,), None, b""),
        (b"", (), "HEADER", b""),
    ],
)
def test_messages_that_are_no_multipart_have_part_1(
    raw: bytes, path: tuple[int, ...], what: What | None, expected: bytes | None
) -> None:
    assert section(raw, path, what) == expected


def test_body_is_bodystructure_without_extension_data() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: inline\r\n\r\nx\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n\r\ny\r\n--b--"
    )
    text = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0)'
    nils = b" ".join([b"NIL"] * 10)
    message = b'("message" "rfc822" NIL NIL NIL "7bit" 3 (%b) %b 1)' % (nils, text)
    assert body(read_message(raw)) == b'(%b%b "mixed")' % (text, message)

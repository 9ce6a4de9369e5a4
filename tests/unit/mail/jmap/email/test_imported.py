"""Blobs that are to be imported or parsed (RFC 8621 4.8, 4.9)."""

import json

import pytest

from mail.jmap.email.imported import is_email, parsed_metadata, received_at
from mail.jmap.email.names import DEFAULT_PARSE, DEFAULT_PART, METADATA
from mail.jmap.email.view import render, splice, view
from mail.message.date import Date
from mail.message.record import read_message


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"Subject: x\r\n\r\n", True),
        (b"X: y\n\nz", True),
        (b"", False),
        (b"just some text", False),
        (b"\x89PNG\r\n\x1a\n\0\0", False),
        (b"Subject: a\0b\r\n\r\n", False),
    ],
)
def test_is_email(raw: bytes, expected: bool) -> None:
    assert is_email(raw, read_message(raw)) is expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"Subject: x\r\n\r\n", None),
        (b"Received: from a by b\r\n\r\n", None),
        (b"Received: a; b;\r\n\tThu, 1 Jan 1970 01:00:10 +0100\r\nReceived: x; 2 Jan 1970 00:00\r\n\r\n", Date(10, 60)),
    ],
)
def test_received_at(raw: bytes, expected: Date | None) -> None:
    assert received_at(raw, read_message(raw)) == expected


def test_a_parsed_blob() -> None:
    raw = b"Subject: x\r\n\r\n"
    wanted = view((*METADATA, *DEFAULT_PARSE), DEFAULT_PART)
    fragment = render(wanted, read_message(raw), raw, lambda part: f"B{part.start}")
    email = json.loads(splice(fragment, parsed_metadata(wanted.metadata, "B")))
    assert email["blobId"] == "B"
    assert all(email[name] is None for name in METADATA if name != "blobId")
    assert email["textBody"][0]["blobId"] == "B0"
    assert email.keys() == {*METADATA, *DEFAULT_PARSE}

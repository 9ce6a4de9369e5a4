"""What the gateway reads in a header: the same as the pattern says that defines it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp import header

NAMES = [b"From", b"Message-ID", b"Date", b"TLS-Required"]
PIECES = [*NAMES, b"FROM", b"message-id", b"From:", b":", b" ", b"\t", b"\r\n", b"\r", b"\n", b"\r\n ", b"a", b"X-From"]
headers = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)


@given(headers, st.sampled_from(NAMES))
def test_fields_are_what_the_grammar_says(head: bytes, name: bytes) -> None:
    pattern = rb"(?:\A|\r\n)" + name + rb"[ \t]*:[ \t]*((?:[^\r]|\r\n[ \t])*)"
    assert header.fields(head, name) == [found.strip() for found in re.findall(pattern, head, re.IGNORECASE)]


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"Message-ID: <a@b>\r\n", "a@b"),
        (b"Subject: x\r\nMESSAGE-ID:\r\n <a@b>\r\nDate: y\r\n", "a@b"),
        (b"X-Message-ID: <a@b>\r\n", ""),
        (b"Message-IDs: <a@b>\r\nMessage-ID : <c@d>\r\n", "c@d"),
        (b"Message-ID: <" + b"a" * header.MESSAGE_ID_BYTES_MAX + b">\r\n", ""),
        (b"Message-ID: <" + b"\xff" * 400 + b">\r\n", ""),  # each becomes three bytes
    ],
)
def test_a_message_id(head: bytes, found: str) -> None:
    assert header.message_id(head) == found

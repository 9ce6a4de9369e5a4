"""No receiver, however lax, sees a message end early (SMTP smuggling, CVE-2023-51764)."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from mail.smtp.client.content import canonical, dotted
from mail.smtp.content import DottedContent

_PIECES = st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"\0", b"x", b"MAIL FROM:<a@b>", b" ", b".."])
_MESSAGES = st.lists(_PIECES | st.binary(max_size=3), max_size=30).map(b"".join)
# Ends of data as lax servers have seen them: any line end, a dot, any line end, and NULs that some throw away.
_LAX = re.compile(rb"(?:\r\n|\n|\r)\0*\.\0*(?:\r\n|\n|\r)")


@given(_MESSAGES)
@settings(max_examples=500)
def test_there_is_one_end_however_it_is_looked_for(message: bytes) -> None:
    wire = b"\r\n" + dotted(canonical(message))
    assert [found.end() for found in _LAX.finditer(wire)] == [len(wire)]
    lone = wire.replace(b"\r\n", b"")
    assert b"\r" not in lone
    assert b"\n" not in lone
    assert b"\0" not in lone


@given(_MESSAGES)
def test_what_is_sent_is_what_is_received(message: bytes) -> None:
    sent = canonical(message)
    content = DottedContent(10_000)
    wire = dotted(sent)
    assert content.feed(wire, 0) == len(wire)
    assert content.take(None) == sent


@given(_MESSAGES)
def test_canonical_is_the_same_again(message: bytes) -> None:
    assert canonical(canonical(message)) == canonical(message)


def test_a_proper_message_is_left_as_it_is() -> None:
    message = b"Subject: x\r\n\r\nHello\r\n"
    assert canonical(message) is message
    assert dotted(message) == message + b".\r\n"

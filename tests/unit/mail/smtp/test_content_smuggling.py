"""Only CRLF.CRLF ends a message: every other end that some server has ever taken for one is content, or refused."""

import itertools

import pytest

from mail.smtp.content import DottedContent, Newlines
from tests.unit.mail.smtp.driver import Session, machine_for

_OPEN = b"EHLO a\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<a@b.c>\r\nDATA\r\n"
_INNER = b"MAIL FROM:<evil@b.c>\r\nRCPT TO:<a@b.c>\r\nDATA\r\nsmuggled\r\n"
_LINE_ENDS = [
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\r",
    b"\r\r\n",
    b"\r\n\x00",
    b"\x00\r\n",
    b"\n\x00",
    b"\x00",
    b" \r\n",
    b"\x85",
    b"\x0b",
]
# Every pair but the true one, also with two dots, a space behind the dot, or a NUL around it.
_VARIANTS = [
    before + dot + after
    for before, dot, after in itertools.product(_LINE_ENDS, [b".", b"..", b". ", b"\x00.", b".\x00"], _LINE_ENDS)
    if b"\r\n.\r\n" not in before + dot + after and b"\r\n.\r\n" not in before + dot + after + b"MAIL"
]


@pytest.mark.parametrize("newlines", ["refuse", "neutralise"])
@pytest.mark.parametrize("variant", _VARIANTS, ids=repr)
def test_nothing_else_ends_a_message(variant: bytes, newlines: str) -> None:
    session = Session(machine_for({"newlines": newlines}))
    session.say(_OPEN)
    session.say(b"first" + variant + _INNER)
    assert session.messages == []
    session.say(b".\r\n")
    assert len(session.messages) + sum(type(e).__name__ == "Rejected" for e in session.events) == 1
    assert session.machine.state.value == "ready"
    assert all(b"smuggled" in message.body for message in session.messages)


@pytest.mark.parametrize("variant", _VARIANTS, ids=repr)
def test_a_bare_newline_refuses_the_message(variant: bytes) -> None:
    session = Session(machine_for({}))
    session.say(_OPEN)
    answer = session.say(b"first" + variant + b"rest\r\n.\r\n")
    rest = variant.replace(b"\r\n", b"")
    assert answer[:3] == (b"550" if b"\r" in rest or b"\n" in rest else b"250")


@pytest.mark.parametrize("variant", _VARIANTS, ids=repr)
def test_what_is_neutralised_has_no_bare_newline_left(variant: bytes) -> None:
    session = Session(machine_for({"newlines": "neutralise"}))
    session.say(_OPEN)
    session.say(b"first" + variant + b"rest\r\n.\r\n")
    rest = session.messages[0].body.replace(b"\r\n", b"")
    assert b"\r" not in rest
    assert b"\n" not in rest


@pytest.mark.parametrize("cut", range(1, 11))
def test_the_end_is_found_across_a_seam(cut: int) -> None:
    content = DottedContent(100)
    wire = b"a\r\n..b\r\n.\r\nNEXT"
    assert content.feed(wire[:cut], 0) == -1
    assert content.feed(b"xx" + wire[cut:], 2) == 2 + 11 - cut
    assert content.take(Newlines.REFUSE) == b"a\r\n.b\r\n"


def test_a_message_behind_a_refused_data_is_never_run() -> None:
    session = Session(machine_for({}))
    session.say(b"EHLO a\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<unknown@b.c>\r\n")
    answer = session.say(b"DATA\r\nRSET\r\nMAIL FROM:<evil@b.c>\r\n")
    assert answer == b"554 5.5.0 Data sent before it was asked for; closing\r\n"
    assert session.machine.closing


def test_the_end_of_data_in_a_chunk_is_content() -> None:
    session = Session(machine_for({}))
    session.say(_OPEN[:-6])
    inner = b"x\r\n.\r\n" + _INNER + b".\r\n"
    session.say(b"BDAT %d LAST\r\n" % len(inner) + inner)
    assert [message.body for message in session.messages] == [inner]


def test_a_chunk_that_lies_about_its_size_runs_no_message() -> None:
    session = Session(machine_for({}))
    session.say(_OPEN[:-6])
    session.say(b"BDAT 1\r\nabc\r\nBDAT 2 LAST\r\nok\r\n")
    assert [message.body for message in session.messages] == [b"aok"]
    assert b"bc" not in session.messages[0].body

"""What conversations cannot show: the driver's side, the envelope, replies on the wire, secrets kept."""

import pytest

from mail.smtp.events import Hello, MailFrom, RcptTo, Rejected
from mail.smtp.limits import Limits
from mail.smtp.machine import ProtocolMisuse, Server
from mail.smtp.replies import OK, Reply
from mail.smtp.states import TRANSITIONS, Role, State
from tests.unit.mail.smtp.driver import Session, machine_for


def test_the_envelope_comes_with_the_message_and_holds_accepted_recipients_only() -> None:
    session = Session(machine_for({"offers": "auth"}))
    session.say(
        b"EHLO a\r\nMAIL FROM:<x@b.c> SIZE=3 RET=FULL ENVID=a+20b AUTH=<>\r\n"
        b'RCPT TO:<"q"@b.c> NOTIFY=success,DELAY ORCPT=rfc822;A+2Bb@c\r\nRCPT TO:<unknown@b.c>\r\nDATA\r\n'
    )
    session.say(b"x\r\n.\r\n")
    assert session.messages[0].mail == MailFrom("x@b.c", size_bytes=3, ret="FULL", envid="a b", auth="<>")
    assert session.messages[0].rcpts == (RcptTo("q@b.c", notify=("SUCCESS", "DELAY"), orcpt="rfc822;A+b@c"),)


def test_greeting_and_names() -> None:
    machine = Server(Role.LMTP, "mx.example")
    machine.greet()
    assert machine.outgoing() == b"220 mx.example LMTP\r\n"
    machine.receive(b"LHLO [192.0.2.1]\r\n")
    assert machine.next_event() == Hello("LHLO", "[192.0.2.1]")


def test_a_refusing_greeting_ends_the_session() -> None:
    machine = Server(Role.SMTP, "mx.example")
    machine.greet(Reply(554, "", "No service"))
    machine.receive(b"EHLO a\r\n")
    assert machine.next_event() is None
    assert machine.closing


def test_an_event_waits_for_its_answer() -> None:
    machine = Server(Role.SMTP, "mx.example")
    machine.receive(b"HELO a\r\nNOOP\r\n")
    assert isinstance(machine.next_event(), Hello)
    assert machine.next_event() is None
    assert machine.buffered_bytes == len(b"NOOP\r\n")
    machine.send(Reply(421, "4.3.2", "Shutting down"))
    assert machine.closing
    assert machine.next_event() is None


def test_wrong_answers_are_defects() -> None:
    machine = Server(Role.SMTP, "mx.example")
    for misuse in (machine.accept, machine.send, lambda: machine.send(OK), lambda: machine.challenge(b"")):
        with pytest.raises(ProtocolMisuse):
            misuse()
    machine.receive(b"NOOP\r\n")
    machine.next_event()
    with pytest.raises(ProtocolMisuse):
        machine.send(OK, OK)


@pytest.mark.parametrize(
    ("reply", "wire"),
    [
        (Reply(250, "2.0.0", "Ok"), b"250 2.0.0 Ok\r\n"),
        (Reply(250, "", "a\nb"), b"250-a\r\n250 b\r\n"),
        (Reply(550, "5.1.1", "a\nb"), b"550-5.1.1 a\r\n550 5.1.1 b\r\n"),
        (Reply(550, "", "evil\r250 ok\x00\xfc"), b"550 evil?250 ok??\r\n"),
        (Reply(250, "", "x" * 600), b"250 " + b"x" * 506 + b"\r\n"),
    ],
)
def test_replies_on_the_wire(reply: Reply, wire: bytes) -> None:
    assert reply.encode() == wire


@pytest.mark.parametrize(
    "line", [b"AUTH PLAIN AHVzZXIAcHc", b"AHVzZXIAcHc=", b"AUTH LOGIN c2VjcmV0", b"auth plain c2VjcmV0!"]
)
def test_a_password_is_never_in_an_event(line: bytes) -> None:
    session = Session(machine_for({"offers": "auth"}))
    session.say(b"EHLO a\r\n" + line + b"\r\n")
    told = [event for event in session.events if isinstance(event, Rejected)]
    assert told
    assert all(event.line.upper() in {b"AUTH", b"AHVZ"} for event in told)


def test_every_state_leads_somewhere_that_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)
    for row in TRANSITIONS.values():
        for move in row.values():
            assert {move.yes, move.no} <= set(TRANSITIONS)


def test_a_long_base64_line_is_taken_but_not_a_longer_one() -> None:
    limits = Limits(auth_line_bytes_max=4000)
    for size, code in ((2900, b"535"), (3100, b"500")):
        session = Session(
            machine_for({"offers": "auth tls", "limits": f"auth_line_bytes_max={limits.auth_line_bytes_max}"})
        )
        session.say(b"EHLO a\r\nAUTH PLAIN\r\n")
        assert session.say(b"QUJD" * (size // 3) + b"\r\n")[:3] == code


def test_chunks_of_a_message_do_not_count_as_idle_commands_but_empty_ones_do() -> None:
    session = Session(machine_for({"limits": "commands_max=10"}))
    session.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\n")
    assert session.say(b"BDAT 1\r\nx" * 50).count(b"250 2.0.0 Ok") == 50
    assert session.say(b"BDAT 0\r\n" * 50).endswith(b"421 4.7.0 Too many commands without a message; closing\r\n")

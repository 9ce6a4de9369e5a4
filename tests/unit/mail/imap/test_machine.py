"""The machine: what it holds is bounded, it works out one event at a time, and it waits where it must."""

import tracemalloc
from dataclasses import replace

import pytest

from mail.imap.commands import Append, Authenticate, Idle, Login, Noop, Select, StartTls, sasl_response
from mail.imap.errors import ImapError
from mail.imap.events import Bad, Close, Command, Line, NeedContinuation
from mail.imap.limits import BEFORE_LOGIN, Limits
from mail.imap.machine import ImapMachine
from tests.unit.mail.imap.driver import parsed

_MB = 1_000_000


def test_limits_may_change_between_two_events() -> None:
    machine = ImapMachine(BEFORE_LOGIN)
    machine.receive(b"a LOGIN b c\r\na APPEND x {1+}\r\ny\r\n")
    events = machine.events()
    assert next(events) == Command(b"a", Login(b"b", b"c"))
    machine.limits = Limits()
    assert isinstance(next(events), Command)


def test_before_login_there_is_no_append() -> None:
    (event,) = parsed(b"a APPEND x {1+}\r\ny\r\n", BEFORE_LOGIN)
    assert isinstance(event, Bad)
    assert event.tag == b"a"


def test_a_password_is_never_shown() -> None:
    (event,) = parsed(b"a LOGIN bob secret\r\n")
    assert "secret" not in repr(event)
    (event,) = parsed(b"a AUTHENTICATE PLAIN c2VjcmV0\r\n")
    assert "secret" not in repr(event)
    assert "secret" not in repr(Line(b"secret"))


@pytest.mark.parametrize("line", [b"a IDLE", b"a AUTHENTICATE PLAIN", b"a STARTTLS", b"a LOGOUT"])
def test_it_waits_after(line: bytes) -> None:
    machine = ImapMachine()
    machine.receive(line + b"\r\nb NOOP\r\n")
    assert len(list(machine.events())) == 1
    assert machine.waiting
    assert machine.held_bytes == len(b"b NOOP\r\n")
    machine.resume()
    assert list(machine.events()) == [Command(b"b", Noop())]


def test_raw_lines_one_at_a_time() -> None:
    machine = ImapMachine()
    machine.receive(b"a IDLE\r\nDONE\r\nb NOOP\r\n")
    assert list(machine.events()) == [Command(b"a", Idle())]
    machine.expect_line()
    assert list(machine.events()) == [Line(b"DONE")]
    assert machine.waiting
    machine.resume()
    assert list(machine.events()) == [Command(b"b", Noop())]


def test_sasl_responses() -> None:
    assert parsed(b"a AUTHENTICATE plain\r\n") == [Command(b"a", Authenticate("PLAIN"))]
    assert sasl_response(b"AGEAYg==") == b"\0a\0b"
    assert sasl_response(b"") == b""
    assert sasl_response(b"*") is None
    with pytest.raises(ImapError):
        sasl_response(b"!")


def test_what_came_before_tls_is_forgotten() -> None:
    machine = ImapMachine()
    machine.receive(b"a STARTTLS\r\nb LOGIN mallory x\r\nc N")
    assert list(machine.events()) == [Command(b"a", StartTls())]
    assert machine.forget() == len(b"b LOGIN mallory x\r\nc N")
    machine.resume()
    machine.receive(b"d NOOP\r\n")
    assert list(machine.events()) == [Command(b"d", Noop())]


def test_names_are_utf8_once_enabled() -> None:
    machine = ImapMachine()
    machine.utf8 = True
    machine.receive('a SELECT "é&"\r\n'.encode())
    assert list(machine.events()) == [Command(b"a", Select("é&"))]
    machine.receive(b'b SEARCH SUBJECT "\xe9"\r\n')  # RFC 6855 3
    assert list(machine.events()) == [Bad(b"b", "A quoted string is not UTF-8")]


def test_the_continuation_comes_once() -> None:
    machine = ImapMachine()
    machine.receive(b"a APPEND x {5}\r\n")
    assert machine.outgoing() == b""
    assert list(machine.events()) == [NeedContinuation(b"a", 5)]
    assert machine.outgoing() == b"+ Ready for the literal\r\n"
    assert machine.outgoing() == b""


@pytest.mark.parametrize("chunk_bytes", [1, 1_000, 65_536])
def test_a_literal_costs_its_size_however_it_comes(chunk_bytes: int) -> None:
    size_bytes = 30_000 if chunk_bytes == 1 else 5 * _MB
    chunk = b"x" * chunk_bytes
    machine = ImapMachine()
    machine.receive(b"a APPEND x {%d+}\r\n" % size_bytes)
    assert list(machine.events()) == []
    tracemalloc.start()
    sent = 0
    while sent < size_bytes:
        machine.receive(bytes(chunk[: size_bytes - sent]))
        sent += min(chunk_bytes, size_bytes - sent)
        assert list(machine.events()) == []
    held_bytes = tracemalloc.get_traced_memory()[0]
    machine.receive(b"\r\n")
    (event,) = machine.events()
    tracemalloc.stop()
    assert isinstance(event, Command)
    assert isinstance(event.command, Append)
    assert event.command.messages[0].data == b"x" * size_bytes
    assert held_bytes < 1.2 * size_bytes + 100_000


def test_what_is_refused_is_not_held() -> None:
    machine = ImapMachine(replace(BEFORE_LOGIN, skip_max_bytes=100 * _MB))
    machine.receive(b"a LOGIN {20000000+}\r\n")
    assert list(machine.events()) == []
    tracemalloc.start()
    for _ in range(20):
        machine.receive(b"x" * _MB)
        assert list(machine.events()) == []
    assert tracemalloc.get_traced_memory()[1] < 3 * _MB
    tracemalloc.stop()
    machine.receive(b" x\r\nb NOOP\r\n")
    assert [type(event) for event in machine.events()] == [Bad, Command]


def test_a_line_without_end_is_not_held() -> None:
    machine = ImapMachine()
    tracemalloc.start()
    for _ in range(200):
        machine.receive(b"x" * 65_536)
        assert list(machine.events()) == []
    assert tracemalloc.get_traced_memory()[1] < _MB
    tracemalloc.stop()
    machine.receive(b"\r\na NOOP\r\n")
    assert list(machine.events()) == [Bad(None, "The line is too long"), Command(b"a", Noop())]


def test_many_lines_of_one_command_are_bounded() -> None:
    limits = Limits(line_max_bytes=100, literal_max_bytes=200)
    machine = ImapMachine(limits)
    machine.receive(b"a SEARCH " + b"".join(b"SUBJECT x%d %s{0+}\r\n " % (n, b"ALL " * 15) for n in range(9)) + b"\r\n")
    (event,) = machine.events()
    assert event == Bad(b"a", "The command is too long")


def test_skipping_has_an_end() -> None:
    machine = ImapMachine(Limits(skip_max_bytes=10))
    machine.receive(b"a FROB {6+}\r\n123456 {6+}\r\n123456\r\nb NOOP\r\n")
    assert list(machine.events()) == [Close("The literal is too large to be skipped", b"TOOBIG")]
    machine.receive(b"c NOOP\r\n")
    assert list(machine.events()) == []
    assert machine.held_bytes == 0


def test_absurd_numbers_are_only_wrong() -> None:
    for line in (
        b"a LOGIN {" + b"0" * 60_000 + b"x}",
        b"a LOGIN " + b"{1" * 30_000 + b"x}",
        b'a LOGIN "' + b'\\"' * 30_000,
        b"a LOGIN {%s}" % (b"9" * 5_000),
        b"a FETCH %s FLAGS" % (b"9" * 5_000),
        b"a FETCH 1 BODY[%s]" % (b"9" * 5_000),
    ):
        (event,) = parsed(line + b"\r\n")
        assert isinstance(event, Bad)
        assert event.tag == b"a"


@pytest.mark.parametrize("nest", [b"NOT ", b"OR SEEN ", b"("])
def test_the_deepest_search_that_is_allowed_works(nest: bytes) -> None:
    depth_max = Limits().depth_max
    closing = b")" if nest == b"(" else b""
    for depth, kind in ((depth_max - 1, Command), (depth_max, Bad), (10_000, Bad)):
        (event,) = parsed(b"a SEARCH " + nest * depth + b"SEEN" + closing * depth + b"\r\n")
        assert type(event) is kind

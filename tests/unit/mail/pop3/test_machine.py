"""The machine: what it holds is bounded, it works out one event at a time, and it waits where it must."""

import tracemalloc

import pytest

from mail.pop3.commands import Auth, Noop, Pass, Quit, Stls
from mail.pop3.events import Bad, Command, Event, Line
from mail.pop3.limits import Limits
from mail.pop3.machine import Pop3Machine

_MB = 1_000_000


def _parsed(data: bytes) -> list[Event]:
    machine = Pop3Machine()
    machine.receive(data)
    return list(machine.events())


@pytest.mark.parametrize(("line", "command"), [(b"AUTH PLAIN", Auth("PLAIN")), (b"STLS", Stls()), (b"QUIT", Quit())])
def test_it_waits_after(line: bytes, command: Auth | Stls | Quit) -> None:
    machine = Pop3Machine()
    machine.receive(line + b"\r\nNOOP\r\n")
    assert list(machine.events()) == [Command(command)]
    assert machine.waiting
    assert machine.held_bytes == len(b"NOOP\r\n")
    machine.resume()
    assert list(machine.events()) == [Command(Noop())]


def test_raw_lines_come_one_at_a_time() -> None:
    machine = Pop3Machine()
    machine.receive(b"AUTH LOGIN\r\none\r\ntwo\r\n")
    assert list(machine.events()) == [Command(Auth("LOGIN"))]
    for word in (b"one", b"two"):
        machine.expect_line()
        assert list(machine.events()) == [Line(word)]
        assert machine.waiting


def test_what_came_before_tls_is_forgotten() -> None:
    machine = Pop3Machine()
    machine.receive(b"STLS\r\nUSER mallory\r\nPA")
    assert list(machine.events()) == [Command(Stls())]
    assert machine.forget() == len(b"USER mallory\r\nPA")
    machine.resume()
    machine.receive(b"NOOP\r\n")
    assert list(machine.events()) == [Command(Noop())]


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(_parsed(b"PASS secret\r\n"))
    assert "secret" not in repr(_parsed(b"AUTH PLAIN c2VjcmV0\r\n"))
    assert "secret" not in repr(Line(b"secret"))
    assert "secret" not in repr(_parsed(b"secret\r\n"))


def test_the_longest_password_fits() -> None:
    assert _parsed(b"PASS " + b"x" * 255 + b"\r\n") == [Command(Pass("x" * 255))]


def test_the_longest_token_fits() -> None:
    machine = Pop3Machine()
    machine.receive(b"AUTH XOAUTH2\r\n" + b"x" * Limits().response_max_bytes + b"\r\n")
    list(machine.events())
    machine.expect_line()
    assert [type(event) for event in machine.events()] == [Line]


def test_a_line_without_end_is_not_held() -> None:
    machine = Pop3Machine()
    tracemalloc.start()
    for _ in range(200):
        machine.receive(b"x" * 65_536)
        assert list(machine.events()) == []
    assert tracemalloc.get_traced_memory()[1] < _MB
    tracemalloc.stop()
    machine.receive(b"\r\nNOOP\r\n")
    assert list(machine.events()) == [Bad("The line is too long"), Command(Noop())]

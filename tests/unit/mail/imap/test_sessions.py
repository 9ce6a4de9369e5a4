"""Commands after which what follows means something else: the machine must wait."""

import pytest

from mail.imap.commands import Command, Compress, Unauthenticate
from mail.imap.events import Command as Event
from mail.imap.machine import ImapMachine


@pytest.mark.parametrize(
    ("line", "command"), [(b"a compress deflate", Compress("DEFLATE")), (b"a unauthenticate", Unauthenticate())]
)
def test_nothing_is_read_behind_it(line: bytes, command: Command) -> None:
    machine = ImapMachine()
    machine.receive(line + b"\r\nb NOOP\r\n")
    assert list(machine.events()) == [Event(b"a", command)]
    assert machine.waiting
    assert machine.held_bytes == len(b"b NOOP\r\n")

"""What no handler would heed is refused before it is asked; what plain clients send passes."""

import pytest

from gateway.imap.troubles import Bad
from gateway.imap.unoffered import check
from mail.imap.events import Command
from mail.imap.machine import ImapMachine


def _check(line: bytes) -> None:
    machine = ImapMachine()
    machine.receive(b"a " + line + b"\r\n")
    (event,) = machine.events()
    assert isinstance(event, Command)
    check(event.command)


@pytest.mark.parametrize(
    "line",
    [
        b"SELECT a (CONDSTORE)",
        b"EXAMINE a (QRESYNC (1 2))",
        b"FETCH 1 (FLAGS MODSEQ)",
        b"FETCH 1 FLAGS (CHANGEDSINCE 1)",
        b"UID FETCH 1 FLAGS (PARTIAL 1:2)",
        b"STORE 1 (UNCHANGEDSINCE 1) FLAGS ()",
    ],
)
def test_refused(line: bytes) -> None:
    with pytest.raises(Bad):
        _check(line)


@pytest.mark.parametrize(
    "line",
    [
        b"SELECT a",
        b"FETCH 1 (FLAGS BODY[])",
        b"STORE 1 +FLAGS (\\Seen)",
        b"MOVE 1 a",
        b"UID EXPUNGE 1",
        b"SEARCH OR SEEN (1 NOT SUBJECT x) UID 1",
        b"NOOP",
    ],
)
def test_taken(line: bytes) -> None:
    _check(line)

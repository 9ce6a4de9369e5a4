"""gateway/imap/numbers.py: which commands have sequence numbers in them."""

import pytest

from gateway.imap.numbers import speaks_numbers
from mail.imap.events import Command
from mail.imap.machine import ImapMachine


def _speaks(line: bytes) -> bool:
    machine = ImapMachine()
    machine.receive(b"a " + line + b"\r\n")
    (event,) = machine.events()
    assert isinstance(event, Command)
    return speaks_numbers(event.command)


@pytest.mark.parametrize(
    "line",
    [
        b"FETCH 1 FLAGS",
        b"FETCH $ FLAGS",
        b"STORE 1 FLAGS ()",
        b"COPY 1 x",
        b"MOVE 1 x",
        b"SEARCH ALL",
        b"SORT (DATE) UTF-8 ALL",
        b"THREAD REFERENCES UTF-8 ALL",
        b"REPLACE 1 x {1+}\r\na",
        b"UID SEARCH 1:3",
        b"UID SEARCH OR SEEN (NOT FUZZY (SUBJECT x 5) UNSEEN)",
        b"UID SORT (DATE) UTF-8 NOT 1",
    ],
)
def test_with(line: bytes) -> None:
    assert _speaks(line)


@pytest.mark.parametrize(
    "line",
    [
        b"NOOP",
        b"UID FETCH 1 FLAGS",
        b"UID SEARCH UID 1:3 NOT $",
        b"UID THREAD REFERENCES UTF-8 ALL",
        b"UID EXPUNGE 1",
        b"UID REPLACE 1 x {1+}\r\na",
        b"UIDBATCHES 500 1:2",
        b"EXPUNGE",
    ],
)
def test_without(line: bytes) -> None:
    assert not _speaks(line)

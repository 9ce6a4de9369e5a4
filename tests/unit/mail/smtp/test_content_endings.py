"""Each line of endings.txt, in both ways of reading, whole and cut anywhere, by DATA and in chunks: never a second
message, and never a command of the first one's text."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from mail.smtp.events import Message
from tests.unit.mail.smtp.driver import Session, machine_for, raw

_OPEN = b"EHLO a\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<a@b.c>\r\n"
_INNER = b"RSET\r\nMAIL FROM:<evil@b.c>\r\nRCPT TO:<victim@b.c>\r\nDATA\r\nsmuggled"
_BOTH = pytest.mark.parametrize("newlines", ["refuse", "neutralise"])


class _Ending(NamedTuple):
    name: str
    clean: bool
    data: bytes


def _table() -> list[_Ending]:
    lines = (Path(__file__).parent / "endings.txt").read_text().splitlines()
    rows = [line.split(None, 2) for line in lines if line and not line.startswith("#")]
    assert all(kind in {"clean", "bare"} for _, kind, _ in rows)
    return [_Ending(name, kind == "clean", raw(text)) for name, kind, text in rows]


ENDINGS = _table()
_EACH = pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.name)


def _spoken(newlines: str, pieces: list[bytes]) -> Session:
    session = Session(machine_for({"newlines": newlines}))
    session.say(_OPEN)
    for piece in pieces:
        session.say(piece)
    return session


def _check(session: Session, ending: _Ending, newlines: str) -> None:
    """One message or one refusal, nobody but the first sender and recipient, and a session that is in step."""
    taken = ending.clean or newlines == "neutralise"
    assert len(session.messages) == taken
    for message in session.messages:
        assert (message.mail.sender, [one.recipient for one in message.rcpts]) == ("a@b.c", ["a@b.c"])
        assert b"smuggled" in message.body
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)", message.body)
    assert not any(isinstance(event, Message) and event not in session.messages for event in session.events)
    assert session.machine.state.value == "ready"
    assert session.say(b"NOOP\r\n") == b"250 2.0.0 Ok\r\n"


@_BOTH
@_EACH
def test_by_data(ending: _Ending, newlines: str) -> None:
    text = b"first" + ending.data + _INNER + b"\r\n.\r\n"
    _check(_spoken(newlines, [b"DATA\r\n", text]), ending, newlines)


@_BOTH
@_EACH
def test_cut_anywhere_into_packets(ending: _Ending, newlines: str) -> None:
    text = b"first" + ending.data + _INNER + b"\r\n.\r\n"
    for cut in range(3, 7 + len(ending.data)):
        _check(_spoken(newlines, [b"DATA\r\n", text[:cut], text[cut:]]), ending, newlines)
    _check(_spoken(newlines, [b"DATA\r\n", *(text[at : at + 1] for at in range(len(text)))]), ending, newlines)


@_BOTH
@_EACH
def test_at_the_very_beginning(ending: _Ending, newlines: str) -> None:
    """Before the first byte of a message there is a line's end too, so here a sequence may be one more."""
    if ending.data.startswith((b"\r\n.\r", b"\r\n.\n")):
        return  # these begin with an empty line, which the tests above have
    text = ending.data.removeprefix(b"\r\n") + _INNER + b"\r\n.\r\n"
    if not text.startswith(b".\r\n"):
        _check(_spoken(newlines, [b"DATA\r\n", text]), _Ending(ending.name, _is_clean(text), ending.data), newlines)


def _is_clean(text: bytes) -> bool:
    return not re.search(rb"(?<!\r)\n|\r(?!\n)", text)


@_BOTH
@_EACH
def test_in_one_chunk(ending: _Ending, newlines: str) -> None:
    text = b"first" + ending.data + _INNER + b"\r\n"
    _check(_spoken(newlines, [b"BDAT %d LAST\r\n" % len(text) + text]), ending, newlines)


@_BOTH
@_EACH
def test_over_the_seam_of_two_chunks(ending: _Ending, newlines: str) -> None:
    text = b"first" + ending.data + _INNER + b"\r\n"
    for cut in range(4, 7 + len(ending.data)):
        chunks = b"BDAT %d\r\n%bBDAT %d LAST\r\n%b" % (cut, text[:cut], len(text) - cut, text[cut:])
        _check(_spoken(newlines, [chunks]), ending, newlines)


def test_the_true_end_in_a_chunk_is_text() -> None:
    text = b"first\r\n.\r\n" + _INNER + b"\r\n.\r\n"
    session = _spoken("refuse", [b"BDAT %d LAST\r\n" % len(text) + text])
    assert [message.body for message in session.messages] == [text]

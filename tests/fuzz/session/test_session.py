"""Some random sessions. As many as one likes: `python -m tests.fuzz.session`."""

import random

import pytest

from gateway.imap import dispatch
from gateway.imap.session import Ok, Session
from mail.imap import commands, events
from mail.imap.limits import Limits
from mail.imap.machine import ImapMachine
from tests.fuzz.session.commands import COMMANDS
from tests.fuzz.session.play import play
from tests.fuzz.session.script import Step, script
from tests.fuzz.session.shrinking import shrunk
from tests.fuzz.session.words import Read

READS = [read for _often, read in COMMANDS]


@pytest.mark.parametrize("seed", range(16))
async def test_promises_are_kept(seed: int) -> None:
    await play(script(seed))


@pytest.mark.parametrize("read", READS, ids=lambda read: read(random.Random(0)).split()[0])
def test_what_is_said_is_in_the_grammar(read: Read) -> None:
    for seed in range(60):
        text = read(random.Random(seed))
        machine = ImapMachine(Limits())
        machine.receive(b"t " + text.replace(b"+}\r\n", b"}\r\n").replace(b"}\r\n", b"+}\r\n") + b"\r\n")
        event = next(iter(machine.events()))
        is_unknown_charset = isinstance(event, events.Bad) and (event.code or b"").startswith(b"BADCHARSET")
        assert isinstance(event, events.Command) or is_unknown_charset, (text, event)


async def test_a_broken_promise_is_seen() -> None:
    """What is said is in the grammar, but cannot be."""

    async def lying(session: Session, _command: object) -> Ok:
        session.wire.write(b"* 7 EXPUNGE\r\n")
        return Ok("done")

    rule = dispatch.RULES[commands.Noop]
    dispatch.RULES[commands.Noop] = rule._replace(run=lying)
    try:
        with pytest.raises(AssertionError):
            await play([Step(0, b"SELECT INBOX"), Step(0, b"NOOP")])
    finally:
        dispatch.RULES[commands.Noop] = rule


def test_the_least_that_fails_is_found() -> None:
    def fails(steps: list[int]) -> bool:
        return 7 in steps and 40 in steps

    assert shrunk(list(range(100)), fails) == [7, 40]

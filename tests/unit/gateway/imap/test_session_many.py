"""Several sessions on one mailbox: whatever they do at the same time, what each was told is what there is.

The promise: a client that believes every response, and assumes of STORE .SILENT what RFC 3501 6.4.6 lets it assume,
has after a NOOP exactly the server's messages in the server's order with the server's flags; no sequence number ever
changes its meaning without an EXPUNGE; and none comes where RFC 3501 7.4.1 forbids it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.mailbox.types import DELETED, Expunge, SetFlags
from gateway.imap.selected import Selection
from tests.unit.gateway.imap.picture import Picture
from tests.unit.gateway.imap.world import ALICE, World, message

SESSIONS = 3
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "$Later", "other")


class Step(NamedTuple):
    """One command of one session; `first` and `last` are taken modulo what is there."""

    session: int
    what: str
    first: int = 0
    last: int = 0
    mode: str = "+"
    flag: str = "\\Seen"
    silent: bool = False
    uid: bool = False


_WHATS = st.sampled_from(
    [
        "STORE",
        "STORE",
        "STORE",
        "EXPUNGE",
        "UID EXPUNGE",
        "FETCH",
        "COPY",
        "MOVE",
        "APPEND",
        "NOOP",
        "SEARCH",
        "DELIVER",
        "LOSE",
    ]
)
_STEPS = st.builds(
    Step,
    st.integers(0, SESSIONS - 1),
    _WHATS,
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from(["+", "-", ""]),
    st.sampled_from(FLAGS),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(_STEPS, min_size=3, max_size=15), min_size=2, max_size=5), st.booleans())
def test_every_picture_is_true(rounds: list[list[Step]], at_once: bool) -> None:
    asyncio.run(_play(rounds, at_once=at_once))


async def _play(rounds: list[list[Step]], *, at_once: bool) -> None:
    async with World() as world:
        for number in range(4):
            await world.deliver(message(f"message {number}"))
        pictures = [Picture(await world.connect("alice"), read_only=number == 2) for number in range(SESSIONS)]
        for picture in pictures:
            await picture.select("INBOX")
        for steps in rounds:
            if at_once:
                await asyncio.gather(
                    *(
                        _in_turn(world, pictures[who], [step for step in steps if step.session == who])
                        for who in range(3)
                    )
                )
            else:
                for step in steps:
                    await _take(world, pictures[step.session], step)
            await world.settle()
            truth = await _truth(world)
            for picture in pictures:
                await picture.refresh()
            assert [picture.messages for picture in pictures] == [truth] * SESSIONS


async def _in_turn(world: World, picture: Picture, steps: Sequence[Step]) -> None:
    for step in steps:
        await _take(world, picture, step)


async def _lose(world: World, step: Step) -> None:
    """What happens while the views are lost they can only see in the rows that they get in the end."""
    world.lose_views()
    uids = ((step.first + 1, step.first + step.last + 1),)
    inbox = 1
    await world.shard.ask(ALICE, SetFlags(inbox, uids, "replace" if step.silent else "add", DELETED, ("work",)))
    if step.uid:
        await world.shard.ask(ALICE, Expunge(inbox, uids))


async def _take(world: World, picture: Picture, step: Step) -> None:
    count = len(picture.messages)
    if step.what == "DELIVER":
        await world.deliver(message("from outside"))
    elif step.what == "LOSE":
        await _lose(world, step)
    elif step.what in ("NOOP", "EXPUNGE"):
        await picture.run(step.what)
    elif step.what == "APPEND":
        await picture.run("APPEND INBOX (\\Draft) {5+}\r\na: b\n")
    elif count:
        low, high = sorted((step.first % count + 1, step.last % count + 1))
        await _on_messages(picture, step, range(low, high + 1))


async def _on_messages(picture: Picture, step: Step, numbers: range) -> None:
    uids = [picture.messages[number - 1][0] for number in numbers]
    by_uid = (step.uid or step.what == "UID EXPUNGE") and all(uids)
    where = ",".join(map(str, uids)) if by_uid else f"{numbers[0]}:{numbers[-1]}"
    name = f"UID {step.what}" if by_uid and step.what != "UID EXPUNGE" else step.what
    if step.what == "STORE":
        if step.silent and not picture.read_only:
            picture.believe(numbers, step.mode, step.flag.encode())
        await picture.run(f"{name} {where} {step.mode}FLAGS{'.SILENT' if step.silent else ''} ({step.flag})")
    elif step.what == "UID EXPUNGE":
        if by_uid:
            await picture.run(f"UID EXPUNGE {where}")
    elif step.what in ("COPY", "MOVE"):
        await picture.run(f"{name} {where} {'INBOX' if step.mode else 'Archive'}")
    elif step.what == "FETCH":
        await picture.run(f"{name} {where} (UID BODY{'' if step.mode else '.PEEK'}[HEADER.FIELDS (X-NONE)])")
    else:
        await picture.run(f"{name} UNSEEN" if step.mode else f"{name} ALL")


async def _truth(world: World) -> list[tuple[int, frozenset[bytes]]]:
    """What there is, from the mailbox itself."""
    held = await world.mail.select(ALICE, "INBOX", read_only=True, changed=lambda: None)
    index, names = held.view.index, held.view.keywords
    words = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", *names)
    rows = zip(index.uids.tolist(), index.flags.tolist(), strict=True)
    truth = [(uid, frozenset(name.encode() for bit, name in enumerate(words) if word >> bit & 1)) for uid, word in rows]
    await held.close()
    return truth


async def test_what_many_idle_clients_are_told_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each of them with the same picture; those that know more, or may do less, are told for themselves."""
    async with World() as world:
        for number in range(3):
            await world.deliver(message(f"m{number}"))
        clients = [await world.connect("alice") for _ in range(14)]
        for number, client in enumerate(clients):
            if number > 11:
                await client.ok("ENABLE QRESYNC")
            await client.ok("EXAMINE INBOX" if number > 9 else "SELECT INBOX")
            client.send(b"i IDLE\r\n")
            assert await client.line() == b"+ idling"
        worked_out = 0
        sync = Selection._sync

        def counting(*args: Any) -> bytes:
            nonlocal worked_out
            worked_out += 1
            return sync(*args)

        monkeypatch.setattr(Selection, "_sync", counting)
        hold = await world.mail.select(ALICE, "INBOX", read_only=True, changed=lambda: None)
        for number in range(4):
            await world.deliver(message(f"n{number}"))
            await hold.set_flags(((1, 2),), "add" if number % 2 else "remove", 4, (f"k{number}",))
            await clients[0].quiet()
        told = [bytes(client.pipe.received) for client in clients]
        assert told[1:10] == [told[1]] * 9
        assert told[1].count(b" EXISTS") == 4
        assert told[10] == told[11] != told[1], "PERMANENTFLAGS are others"
        assert told[12] == told[13] != told[10], "who has enabled QRESYNC hears MODSEQs"
        assert told[12].count(b" MODSEQ (") == 6
        assert b"\\Recent" in told[0]
        assert worked_out <= 2 * 4 * 5 + 14, "twice a change, for the first, those who write, those who read"
        await hold.close()

"""Clients of all kinds on one mailbox, whatever they do at the same time: what each believes is what there is.

The promise: a client that takes every response as its RFC has it (believer.py) has, when all is quiet, exactly the
mailbox: messages, flags, and MODSEQs where it hears of them. All that is told of a message with a MODSEQ is the same to
everybody. Who remembers HIGHESTMODSEQ and what it knew, and loses its connection at any moment, in the middle of an
answer too, has with one SELECT (QRESYNC ...) exactly the mailbox again.

VIEWS_AGREE_EXAMPLES=5000 makes it as many examples.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.mailbox.types import DELETED, Expunge, SetFlags
from tests.unit.gateway.imap.believer import KINDS, Believer, History, Kind
from tests.unit.gateway.imap.world import ALICE, World, message

EXAMPLES = int(os.environ.get("VIEWS_AGREE_EXAMPLES", "40"))
SESSIONS = 4
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "$Later")


class Step(NamedTuple):
    """One thing that one session does; `first` and `last` are taken modulo what is there."""

    session: int
    what: str
    first: int = 0
    last: int = 0
    mode: str = "+"
    flag: str = "\\Seen"
    silent: bool = False
    uid: bool = False
    since: int = 0


_WHATS = st.sampled_from(
    [
        "STORE",
        "STORE",
        "UNCHANGEDSINCE",
        "EXPUNGE",
        "UID EXPUNGE",
        "FETCH",
        "CHANGEDSINCE",
        "COPY",
        "MOVE",
        "APPEND",
        "NOOP",
        "SEARCH",
        "IDLE",
        "SELECT",
        "CUT",
        "CUT",
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
    st.integers(0, 3),
)
_KINDS = st.lists(st.sampled_from(KINDS), min_size=SESSIONS, max_size=SESSIONS)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_KINDS, st.lists(st.lists(_STEPS, min_size=3, max_size=15), min_size=2, max_size=4), st.booleans())
def test_every_client_has_the_mailbox(kinds: list[Kind], rounds: list[list[Step]], at_once: bool) -> None:
    asyncio.run(_play(kinds, rounds, at_once=at_once))


async def _play(kinds: Sequence[Kind], rounds: list[list[Step]], *, at_once: bool) -> None:
    async with World() as world:
        for number in range(4):
            await world.deliver(message(f"message {number}"))
        history = History()
        clients = [Believer(world, kind, history, read_only=place == SESSIONS - 1) for place, kind in enumerate(kinds)]
        for one in clients:
            await one.connect()
        for steps in rounds:
            if at_once:
                turns = [[step for step in steps if step.session == place] for place in range(SESSIONS)]
                await asyncio.gather(*(_in_turn(world, *pair) for pair in zip(clients, turns, strict=True)))
            else:
                for step in steps:
                    await _take(world, clients[step.session], step)
            await _agree(world, clients)
        for one in clients:  # and who goes away now is not behind when it comes back
            one.cut(0)
            await one.connect()
        await _agree(world, clients)


async def _agree(world: World, clients: Sequence[Believer]) -> None:
    await world.settle()
    for one in clients:
        if one.idling:
            await one.end_idle()
        await one.refresh()
    truth, highest = await _truth(world)
    for one in clients:
        known = sorted((each.uid, each.flags, each.modseq if one.modseq else 0) for each in one.messages)
        wanted = [(uid, flags, modseq if one.modseq else 0) for uid, flags, modseq in truth]
        assert known == wanted, (one.kind.name, known, wanted)
        if one.resyncs:
            assert one.memory.highest == highest, one.kind.name
            assert sorted(one.memory.messages) == [uid for uid, _, _ in truth], one.kind.name


async def _in_turn(world: World, one: Believer, steps: Sequence[Step]) -> None:
    for step in steps:
        await _take(world, one, step)


async def _take(world: World, one: Believer, step: Step) -> None:
    if one.idling and step.what not in ("DELIVER", "LOSE"):
        await one.end_idle()
    if step.what == "DELIVER":
        await world.deliver(message("from outside"))
    elif step.what == "LOSE":
        await _lose(world, step)
    elif step.what == "IDLE":
        await one.begin_idle()
    elif step.what == "SELECT":
        await one.select(_known(one, step))
    elif step.what == "CUT":
        await _cut(one, step)
    else:
        command = _command(one, step)
        if command:
            await one.run(command)


async def _cut(one: Believer, step: Step) -> None:
    """The connection is lost somewhere in the answer to a command."""
    whats = ("NOOP", "STORE", "EXPUNGE", "FETCH")
    command = _command(one, step._replace(what=whats[step.last]))
    one.client.send(f"t {command or 'NOOP'}\r\n".encode())
    one._command = (command or "NOOP").encode()
    for _ in range(step.first * 10):
        await asyncio.sleep(0)
    one.cut(step.first * 2)
    await one.connect()


def _known(one: Believer, step: Step) -> str:
    """The optional arguments of QRESYNC: the UIDs it knows, and some of their numbers."""
    uids = sorted(one.memory.messages)
    numbered = [(place, each.uid) for place, each in enumerate(one.messages, 1) if each.uid]
    if not step.uid or not uids or len(numbered) != len(one.messages):
        return ""
    if not step.silent or one.uids:
        return f" 1:{max(uids)}"
    some = numbered[step.first % len(numbered) :: 2]
    numbers, of_them = (",".join(str(pair[side]) for pair in some) for side in (0, 1))
    return f" 1:{max(uids)} ({numbers} {of_them})"


async def _lose(world: World, step: Step) -> None:
    """What happens while the views are lost they can only see in the rows that they get in the end."""
    world.lose_views()
    uids = ((step.first + 1, step.first + step.last + 1),)
    inbox = 1
    await world.shard.ask(ALICE, SetFlags(inbox, uids, "replace" if step.silent else "add", DELETED, ("work",)))
    if step.uid:
        await world.shard.ask(ALICE, Expunge(inbox, uids))


def _command(one: Believer, step: Step) -> str:
    """What the step says to the server; empty if there is nothing to say it of."""
    if step.what in ("NOOP", "EXPUNGE"):
        return step.what
    if step.what == "APPEND":
        return "APPEND INBOX (\\Draft) {5+}\r\na: b\n"
    if step.what == "SEARCH":
        return "UID SEARCH UNSEEN" if step.uid or one.uids else "SEARCH ALL"
    count = len(one.messages)
    if not count:
        return ""
    low, high = sorted((step.first % count, step.last % count))
    uids = [each.uid for each in one.messages[low : high + 1]]
    if not all(uids):
        return ""
    by_uid = step.uid or one.uids
    where = ",".join(map(str, sorted(uids))) if by_uid else f"{low + 1}:{high + 1}"
    return _on_messages(one, step, uids, ("UID " if by_uid else ""), where)


def _on_messages(one: Believer, step: Step, uids: list[int], prefix: str, where: str) -> str:
    since = _since(one, step)
    if step.what in ("STORE", "UNCHANGEDSINCE"):
        if step.silent and not one.read_only:
            one.expect(uids, step.mode, step.flag.encode())
        condition = f"(UNCHANGEDSINCE {since}) " if step.what == "UNCHANGEDSINCE" and one.modseq else ""
        return f"{prefix}STORE {where} {condition}{step.mode}FLAGS{'.SILENT' if step.silent else ''} ({step.flag})"
    if step.what == "UID EXPUNGE":
        return f"UID EXPUNGE {','.join(map(str, sorted(uids)))}"
    if step.what in ("COPY", "MOVE"):
        return f"{prefix}{step.what} {where} {'INBOX' if step.mode else 'Archive'}"
    if step.what == "CHANGEDSINCE" and one.modseq and since:
        vanished = " VANISHED" if one.resyncs and prefix else ""
        return f"{prefix}FETCH {'1:*' if prefix else where} (UID FLAGS) (CHANGEDSINCE {since}{vanished})"
    peek = "" if step.mode else ".PEEK"
    return f"{prefix}FETCH {where} (UID BODY{peek}[HEADER.FIELDS (X-NONE)])"


def _since(one: Believer, step: Step) -> int:
    """A MODSEQ that the client may name: the highest it knows, one of a message, or the first that there was."""
    modseqs = sorted(each.modseq for each in one.messages) or [0]
    return (one.memory.highest, modseqs[0], modseqs[-1], 0)[step.since]


async def _truth(world: World) -> tuple[list[tuple[int, frozenset[bytes], int]], int]:
    """What there is, from the mailbox itself, and its MODSEQ."""
    held = await world.mail.select(ALICE, "INBOX", read_only=True, changed=lambda: None)
    index, names = held.view.index, held.view.keywords
    words = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", *names)
    rows = zip(index.uids.tolist(), index.flags.tolist(), index.modseqs.tolist(), strict=True)
    truth = [
        (uid, frozenset(name.encode() for bit, name in enumerate(words) if word >> bit & 1), modseq)
        for uid, word, modseq in rows
    ]
    await held.close()
    found = (await world.mail.tree(ALICE)).find("INBOX")
    assert found is not None
    return truth, found.modseq

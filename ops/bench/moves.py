"""Slots on the move, under load: how many a second, what clients feel of it; and how long a dead shard is missed.

The law: real moves of a real controller, etcd and store writing to disk, of slots whose accounts are in memory and
worked on. A client's STOREs come at fixed times, and each is timed from when it was due: a pause is felt by all that
it delays. The dead shard is killed with SIGKILL and not started again.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final, NamedTuple

from cluster.placement.slots import SLOTS
from cluster.placement.watching import Watching
from ops.bench import load, processes
from ops.bench.cluster import SETTLE_S_MAX, Cluster, cluster, until
from ops.bench.delivery import Scratch, Told
from ops.bench.figures import Value
from ops.bench.idle import spread
from ops.bench.wire import Swift

EVERY_S: Final = 0.1  # a STORE of each client
SERVER: Final = "two shards"


class Work(NamedTuple):
    """How much is done in one round."""

    accounts: int  # in memory
    clients: int  # that STORE, all in accounts of the shard that is emptied
    quiet_s: float  # before anything moves


WORK: Final = Work(4000, 40, 5.0)
WORK_QUICK: Final = Work(200, 10, 1.0)


def measure(_make: object, scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Fresh processes each round, on one store and registry."""
    work = WORK_QUICK if quick else WORK
    with scratch() as directory, cluster(directory) as made:
        slots = made.furnish(work.accounts)
        for number in range(rounds):
            told(f"moves: round {number + 1} of {rounds}")
            nodes = f"r{number}n"
            with made.running(2, nodes=nodes):
                yield from made.run(_one_round(made, f"{nodes}1", slots, work))


async def _one_round(made: Cluster, node: str, slots: dict[int, int], work: Work) -> list[Value]:
    async with made.watching() as watching:
        mine = [account for account, slot in slots.items() if _node_of(watching, slot) == node][: work.clients]
        await load.deliver(made.ports[0].smtp, load.letters(list(slots)))
        clients = await load.log_in(made.ports[0].imap, mine)
        try:
            for client in clients:
                await client.command(b"SELECT INBOX\r\n")
            its_slots = _count(watching, node)
            values = await _emptied(made, watching, node, clients, work.quiet_s)
            values += await _filled_again(made, watching, node, its_slots)
            values += await _missed(made, watching, node, mine, slots)
        finally:
            for client in clients:
                client.close()
    return values


def _node_of(watching: Watching, slot: int) -> str:
    owner = watching.known.owner("mailbox", slot)
    return owner.node if owner is not None else ""


def _count(watching: Watching, node: str) -> int:
    return sum(_node_of(watching, slot) == node for slot in range(SLOTS))


async def _emptied(
    made: Cluster, watching: Watching, node: str, clients: Sequence[Swift], quiet_s: float
) -> list[Value]:
    """Before, and while, the node's slots leave it."""
    stores = Stores(clients)
    try:
        await asyncio.sleep(quiet_s)
        quiet = stores.taken()
        parts = {part: made.roots(part) for part in ("controller", "mailbox")}
        parts |= {"etcd": [made.registry.process.pid]}
        before = {part: processes.cpu_s(roots) for part, roots in parts.items()}
        moved, started = _count(watching, node), time.monotonic()
        await made.drain(node)
        await until(lambda: _count(watching, node) == 0, SETTLE_S_MAX)
        took_s = time.monotonic() - started
        cpu_ms = {part: (processes.cpu_s(roots) - before[part]) / moved * 1000 for part, roots in parts.items()}
        await asyncio.sleep(EVERY_S)
        moving = stores.taken()
    finally:
        await stores.stop()
    flat = [[each for times in taken for each in times] for taken in (quiet, moving)]
    return [
        Value("slots moved, under load", "slots/s", SERVER, moved / took_s),
        *(Value(f"CPU of {part} a moved slot, with the load's", "ms", SERVER, each) for part, each in cpu_ms.items()),
        *spread("STORE, nothing moves", SERVER, flat[0]),
        *spread("STORE, slots move", SERVER, flat[1]),
        Value("longest STORE of each client, slots move: median", "ms", SERVER, median(map(max, moving))),
    ]


async def _filled_again(made: Cluster, watching: Watching, node: str, its_slots: int) -> list[Value]:
    started = time.monotonic()
    await made.drain(node, on=False)
    await until(lambda: _count(watching, node) == its_slots, SETTLE_S_MAX)  # the plan is the same as it was
    return [Value("slots moved, no load", "slots/s", SERVER, its_slots / (time.monotonic() - started))]


async def _missed(
    made: Cluster, watching: Watching, node: str, accounts: Sequence[int], slots: dict[int, int]
) -> list[Value]:
    """A client of each account asks once, at the moment of the kill."""
    there = [account for account in accounts if _node_of(watching, slots[account]) == node]
    clients = await load.log_in(made.ports[0].imap, there)
    for client in clients:
        await client.command(b"STATUS INBOX (MESSAGES)\r\n")
    killed = time.monotonic()
    made.kill(f"mailbox-{node}-0")

    async def answered_s(client: Swift) -> float:
        await client.command(b"STATUS INBOX (MESSAGES UNSEEN)\r\n")
        return time.monotonic() - killed

    times_s = await asyncio.gather(*map(answered_s, clients))
    await until(lambda: all(_node_of(watching, slot) not in ("", node) for slot in range(SLOTS)), SETTLE_S_MAX)
    assigned_s = time.monotonic() - killed
    for client in clients:
        client.close()
    return [
        Value("a shard is killed: STATUS is answered, median of clients", "s", SERVER, median(times_s)),
        Value("a shard is killed: STATUS is answered, the last client", "s", SERVER, max(times_s)),
        Value("a shard is killed: all its slots have another owner", "s", SERVER, assigned_s),
    ]


class Stores:
    """Clients that STORE a flag at fixed times, until stopped."""

    def __init__(self, clients: Sequence[Swift]) -> None:
        self._times_ms: list[list[float]] = [[] for _ in clients]
        self._tasks = [asyncio.create_task(self._go_on(number, client)) for number, client in enumerate(clients)]

    def taken(self) -> list[list[float]]:
        """What each client's took, since the last call: milliseconds."""
        taken, self._times_ms = self._times_ms, [[] for _ in self._tasks]
        return taken

    async def stop(self) -> None:
        """Raises what ended a client before."""
        for task in self._tasks:
            if not task.done():
                task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    async def _go_on(self, number: int, client: Swift) -> None:
        due = time.monotonic() + EVERY_S * number / len(self._times_ms)
        turn = 0
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await client.command(b"STORE 1 %bFLAGS (\\Flagged)\r\n" % (b"-" if turn % 2 else b"+"))
            self._times_ms[number].append((time.monotonic() - due) * 1000)
            due, turn = due + EVERY_S, turn + 1

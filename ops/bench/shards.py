"""What a message and an IMAP command cost as mailbox shards grow from one to eight: flat is the aim.

The law: the load is the same whatever the number of shards (but where the row says otherwise), all processes share
this host's few processors, and CPU is told apart: gateway, shards, store, registry. Cold accounts are in slots that
their shard holds already, and none is new; logging in is not measured. Numbers of shards stand in the columns of the
table, as servers do elsewhere; in the last there is one shard and one client that waits for each answer, so that
nothing shares a commit: what a cluster pays whose shards have each little to do.
"""

import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ops.bench import counting, load, processes
from ops.bench.cluster import Cluster, cluster
from ops.bench.delivery import Scratch, Told, turns
from ops.bench.figures import Value

SHARDS: Final = (1, 2, 4, 8)
SHARDS_QUICK: Final = (1, 2)
SESSIONS_A_SHARD: Final = 12  # a gateway takes a hundred of one address
ONE_AT_A_TIME: Final = "one at a time"


class Work(NamedTuple):
    """How much is done in one round."""

    accounts: int
    messages: int
    clients: int  # of IMAP, each in an account of its own
    times: int  # each command of each client
    alone: int  # of each kind, one at a time


WORK: Final = Work(3000, 3000, 50, 20, 200)
WORK_QUICK: Final = Work(1000, 500, 10, 4, 20)


class Accounts(NamedTuple):
    """Pairs that share a slot."""

    warm: Sequence[int]
    cold: Sequence[int]


def measure(_make: object, scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """One store and registry; each round starts the processes anew, the numbers of shards in turns."""
    work, counts = (WORK_QUICK, SHARDS_QUICK) if quick else (WORK, SHARDS)
    with scratch() as directory, cluster(directory) as made:
        accounts = pairs(made.furnish(work.accounts))
        with made.running(1, nodes="first"):
            made.run(load.deliver(made.ports[0].smtp, load.letters([*accounts.warm, *accounts.cold])))
        names = {f"{count} shard{'s' * (count > 1)}": count for count in counts}
        for number in range(rounds):
            for name in turns(list(names), number):
                told(f"shards: round {number + 1} of {rounds}, {name}")
                with made.running(names[name], nodes=f"r{number}s{names[name]}n"):
                    yield from made.run(_one_round(made, name, work, accounts, alone=names[name] == min(counts)))


def pairs(slots: Mapping[int, int]) -> Accounts:
    """Two accounts of each slot that has as many. `slots`: by account."""
    first: dict[int, int] = {}
    second: dict[int, int] = {}
    for account, slot in slots.items():
        (second if slot in first else first).setdefault(slot, account)
    return Accounts([first[slot] for slot in second], list(second.values()))


async def _one_round(made: Cluster, name: str, work: Work, accounts: Accounts, *, alone: bool) -> list[Value]:
    port, warm = made.ports[0], accounts.warm
    await load.deliver(port.smtp, load.letters(warm))
    half = len(accounts.cold) // 2
    meter = Meter(made, name)
    sent = load.letters([warm[number % len(warm)] for number in range(work.messages)])
    started = time.monotonic()
    values = await meter.of("delivery", "message", len(sent), load.deliver(port.smtp, sent))
    values.insert(0, Value("delivery", "messages/s", name, len(sent) / (time.monotonic() - started)))
    what, sessions = f"delivery, {SESSIONS_A_SHARD} sessions for each shard", SESSIONS_A_SHARD * made.count("mailbox")
    values += await meter.of(what, "message", len(sent), load.deliver(port.smtp, sent, sessions))
    values += await _cold(meter, port.smtp, accounts.cold[:half])
    values += await _commands(meter, port.imap, warm[: work.clients], work.times)
    values += meter.by_time()
    if alone:
        meter = Meter(made, ONE_AT_A_TIME)
        few = sent[: work.alone]
        values += await meter.of("delivery", "message", len(few), load.deliver(port.smtp, few, 1))
        values += await _cold(meter, port.smtp, accounts.cold[half:][: work.alone], 1)
        values += await _commands(meter, port.imap, warm[-1:], work.alone)
    return values


async def _cold(meter: "Meter", port: int, accounts: Sequence[int], sessions: int = load.SESSIONS) -> list[Value]:
    sent = load.letters(accounts)
    return await meter.of("delivery to a cold account", "message", len(sent), load.deliver(port, sent, sessions))


async def _commands(meter: "Meter", port: int, accounts: Sequence[int], times: int) -> list[Value]:
    values = []
    clients = await load.log_in(port, accounts)
    try:
        for command in load.commands():
            count = len(clients) * times
            values += await meter.of(command.what, "command", count, load.repeat(clients, command, times))
    finally:
        for client in clients:
            client.close()
    return values


class Meter:
    """What each part of a cluster uses, in CPU and of the store, while something is done."""

    def __init__(self, made: Cluster, name: str) -> None:
        """`name`: the column."""
        self._made = made
        self._name = name
        self._parts = {
            "gateway": made.roots("gateway"),
            "shards": made.roots("mailbox"),
            "PostgreSQL": [made.store.process.pid],
        }
        self._slow = {"etcd": [made.registry.process.pid], "controller": made.roots("controller")}
        self._since = time.monotonic(), {part: processes.cpu_s(roots) for part, roots in self._slow.items()}

    async def of(self, what: str, unit: str, count: int, work: Awaitable[Any]) -> list[Value]:
        """CPU a unit of the work, part by part, and what it asks of the store."""
        asked = await counting.read(self._made.store.port)
        before = {part: processes.cpu_s(roots) for part, roots in self._parts.items()}
        await work
        used = {part: (processes.cpu_s(roots) - before[part]) / count * 1000 for part, roots in self._parts.items()}
        asked = (await counting.read(self._made.store.port)).since(asked)
        values = [Value(f"{what}: CPU", f"ms/{unit}", self._name, sum(used.values()))]
        values += [Value(f"{what}: CPU of {part}", f"ms/{unit}", self._name, each) for part, each in used.items()]
        for told, number in asked._asdict().items():
            values.append(Value(f"{what}: store, {told.replace('_', ' ')}", f"a {unit}", self._name, number / count))
        return values

    def by_time(self) -> list[Value]:
        """What works by the clock, whatever is asked: since the meter was made."""
        since, before = self._since
        took_s = time.monotonic() - since
        return [
            Value(f"{part}: CPU", "ms/s", self._name, (processes.cpu_s(roots) - before[part]) / took_s * 1000)
            for part, roots in self._slow.items()
        ]

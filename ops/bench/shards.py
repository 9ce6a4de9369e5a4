"""What a message and an IMAP command cost as mailbox shards grow from one to eight: flat is the aim.

The law: the load is the same whatever the number of shards (but where the row says otherwise), all processes share
this host's few processors, and CPU is told apart: gateway, shards, store, registry. Accounts are in memory but where
the row says that they are cold: the process is new, and each is the first of its slot. Logging in is not measured.
Numbers of shards stand in the columns of the table, as servers do elsewhere.
"""

import time
from collections.abc import Awaitable, Iterator
from typing import Any, Final, NamedTuple

from ops.bench import counting, load, processes
from ops.bench.cluster import Cluster, cluster
from ops.bench.delivery import Scratch, Told, turns
from ops.bench.figures import Value

SHARDS: Final = (1, 2, 4, 8)
SHARDS_QUICK: Final = (1, 2)


class Work(NamedTuple):
    """How much is done in one round."""

    accounts: int
    messages: int
    clients: int  # of IMAP, each in an account of its own
    times: int  # each command of each client


WORK: Final = Work(1000, 3000, 50, 20)
WORK_QUICK: Final = Work(50, 500, 10, 4)


def measure(_make: object, scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """One store and registry; each round starts the processes anew, the numbers of shards in turns."""
    work = WORK_QUICK if quick else WORK
    with scratch() as directory, cluster(directory) as made:
        made.furnish(work.accounts)
        with made.running(1, nodes="first"):  # so that no account is new where cold ones are measured
            made.run(load.deliver(made.ports[0].smtp, load.letters(range(work.accounts))))
        names = {f"{count} shard{'s' * (count > 1)}": count for count in (SHARDS_QUICK if quick else SHARDS)}
        for number in range(rounds):
            for name in turns(list(names), number):
                told(f"shards: round {number + 1} of {rounds}, {name}")
                with made.running(names[name], nodes=f"r{number}s{names[name]}n"):
                    yield from made.run(_one_round(made, name, work))


async def _one_round(made: Cluster, name: str, work: Work) -> list[Value]:
    meter, port = Meter(made, name), made.ports[0]
    sent = load.letters(range(work.accounts))
    cold = await meter.of("delivery to a cold account", "message", len(sent), load.deliver(port.smtp, sent))
    sent = load.letters([number % work.accounts for number in range(work.messages)])
    started = time.monotonic()
    values = await meter.of("delivery", "message", len(sent), load.deliver(port.smtp, sent))
    values.insert(0, Value("delivery", "messages/s", name, len(sent) / (time.monotonic() - started)))
    shards = len(made.roots("mailbox"))
    what = f"delivery, {load.SESSIONS} sessions for each shard"
    values += await meter.of(what, "message", len(sent), load.deliver(port.smtp, sent, load.SESSIONS * shards))
    values += cold
    clients = await load.log_in(port.imap, range(work.clients))
    try:
        for command in load.commands():
            count = work.clients * work.times
            values += await meter.of(command.what, "command", count, load.repeat(clients, command, work.times))
    finally:
        for client in clients:
            client.close()
    return [*values, *meter.by_time()]


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

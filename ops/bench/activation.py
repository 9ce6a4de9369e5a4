"""How long a cold account keeps its first client waiting, and what accounts and processes take of memory.

The law: accounts are cold because the process that holds them is new; the store's own cache, and the kernel's, are
warm. Times are those of the mailbox shard itself, without gateway and data plane, one account after the other.
Memory is that of real processes of a cluster, files that they map left out.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from actors.mailbox.keys import slot_of
from actors.mailbox.types import INBOX, Item
from ops.bench import load, processes, services
from ops.bench.cluster import KINDS, Cluster, cluster
from ops.bench.delivery import Scratch, Told
from ops.bench.figures import Value
from ops.bench.filling import ACCOUNT_BITS, add_accounts
from ops.bench.imap import loop_factory
from ops.bench.peers import address
from ops.bench.texts import letters
from ops.core import Core, opened
from ops.settings import StoreSettings

MESSAGES_AN_ADD: Final = 1000
SETTLE_S: Final = 2.0
COLUMN: Final = "in a cluster"


class Size(NamedTuple):
    """So many accounts with so many messages each."""

    accounts: int
    messages: int


class Work(NamedTuple):
    """What is measured."""

    sizes: tuple[Size, ...]
    active: int  # accounts, for their memory
    selected: int  # clients with a mailbox open


WORK: Final = Work((Size(200, 10), Size(50, 1000), Size(3, 100_000)), 8000, 500)
WORK_QUICK: Final = Work((Size(20, 10), Size(3, 1000)), 400, 20)


def measure(_make: object, scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Both stores are filled once and opened anew each round; then memory, in fresh processes each round."""
    work = WORK_QUICK if quick else WORK
    with ExitStack() as stack, scratch() as directory:
        server = stack.enter_context(services.postgresql(directory))
        runner = stack.enter_context(asyncio.Runner(loop_factory=loop_factory))
        stores = {
            "LMDB": StoreSettings(),
            "PostgreSQL": StoreSettings(
                kind="postgresql", blobs="store", postgresql=services.postgresql_settings(server.port)
            ),
        }
        for name, settings in stores.items():
            told(f"activation: filling {name}")
            runner.run(_filled(directory / name, settings, work.sizes))
        for number in range(rounds):
            for name, settings in stores.items():
                told(f"activation: round {number + 1} of {rounds}, {name}")
                yield from runner.run(_activations(directory / name, settings, name, work.sizes))
    with scratch() as directory, cluster(directory) as made:
        made.furnish(work.active)
        for number in range(rounds):
            told(f"activation: round {number + 1} of {rounds}, memory")
            with made.running(1, nodes=f"r{number}n", others=True):
                yield from made.run(_memory(made, work))


async def _filled(data: Path, settings: StoreSettings, sizes: tuple[Size, ...]) -> None:
    async with opened(data, settings) as core:
        await add_accounts(core, sum(size.accounts for size in sizes))
        messages = [await core.mailboxes.prepare(raw) for raw in letters()]
        first = 0
        for size in sizes:
            for number in range(first, first + size.accounts):
                account = (await core.directory.get_account(address(number))).id
                for done in range(0, size.messages, MESSAGES_AN_ADD):
                    some = messages[: min(MESSAGES_AN_ADD, size.messages - done)]
                    await core.mailboxes.add(account, INBOX, [Item(message, core.clock.now_ms()) for message in some])
            first += size.accounts


async def _activations(data: Path, settings: StoreSettings, name: str, sizes: tuple[Size, ...]) -> list[Value]:
    values = []
    async with opened(data, settings) as core:
        first = 0
        for size in sizes:
            accounts = [
                (await core.directory.get_account(address(number))).id for number in range(first, first + size.accounts)
            ]
            first += size.accounts
            values.append(
                await _each("first account of a slot, an empty one", name, beside(accounts), core.mailboxes.tree)
            )
            what = f"{size.messages:,} messages"
            values.append(await _each(f"cold account of {what}: its mailboxes", name, accounts, core.mailboxes.tree))
            values.append(await _each(f"cold account of {what}: INBOX selected", name, accounts, _selecting(core)))
    return values


def beside(accounts: list[int]) -> list[int]:
    """An account that nobody has, in the slot of each: asked for, its slot is the shard's, and the other still cold."""
    wanted = {slot_of(account) for account in accounts}
    found: dict[int, int] = {}
    dice = random.Random(len(accounts))  # noqa: S311 - not for secrets
    while len(found) < len(wanted):
        number = dice.getrandbits(ACCOUNT_BITS)
        if (slot := slot_of(number)) in wanted:
            found.setdefault(slot, number)
    return list(found.values())


def _selecting(core: Core) -> Callable[[int], Awaitable[object]]:
    """After its mailboxes were told: the index alone is cold."""

    async def select(account: int) -> None:
        selected = await core.mailboxes.select(account, INBOX, read_only=True, changed=lambda: None)
        await selected.close()

    return select


async def _each(what: str, name: str, accounts: list[int], ask: Callable[[int], Awaitable[object]]) -> Value:
    times_ms = []
    for account in accounts:
        started = time.perf_counter()
        await ask(account)
        times_ms.append((time.perf_counter() - started) * 1000)
    return Value(what, "ms", name, median(times_ms))


async def _memory(made: Cluster, work: Work) -> list[Value]:
    await asyncio.sleep(SETTLE_S)
    values = [Value(f"memory, idle: {role}", "MB", COLUMN, made.memory_mb(role)) for role in KINDS]
    shard = made.roots("mailbox")
    before = processes.memory(shard).anonymous
    await load.deliver(made.ports[0].smtp, load.letters(range(work.active)))
    taken_kb = (processes.memory(shard).anonymous - before) / 1024
    values.append(Value("memory of an active account in its shard", "kB", COLUMN, taken_kb / work.active))
    values.append(Value("memory of a gateway that has delivered as much", "MB", COLUMN, made.memory_mb("gateway")))
    holding = {"gateway": made.roots("gateway"), "shard": shard}
    before_bytes = {where: processes.memory(roots).anonymous for where, roots in holding.items()}
    clients = await load.log_in(made.ports[0].imap, range(work.selected))
    for client in clients:
        await client.command(b"SELECT INBOX\r\n")
    for where, roots in holding.items():
        taken_kb = (processes.memory(roots).anonymous - before_bytes[where]) / 1024
        what = f"memory of a client in its {where}, INBOX selected"
        values.append(Value(what, "kB", COLUMN, taken_kb / work.selected))
    for client in clients:
        client.close()
    return values

"""What a message and an IMAP command cost as accounts grow: the same work, spread over a thousand or a million.

The law: the work is the same at every size and its accounts are drawn from all there are, so that most are cold where
there are many; CPU is that of the server's whole process tree; logging in is not timed. Sizes stand in the columns of
the table, as servers do elsewhere.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from typing import Final, NamedTuple

from ops.bench import load, processes
from ops.bench.delivery import Make, Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.imap import loop_factory
from ops.bench.peers import OURS, Server
from ops.bench.wire import Swift

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
SIZES_QUICK: Final = (100, 1_000)


class Work(NamedTuple):
    """How much is done in one round."""

    messages: int
    clients: int  # of IMAP, each in an account of its own
    times: int  # each command of each client


WORK: Final = Work(10_000, 200, 10)
WORK_QUICK: Final = Work(200, 20, 2)


def measure(make: dict[str, Make], scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Each size is filled once; the rounds go through the sizes in turns, a fresh server each."""
    work = WORK_QUICK if quick else WORK
    with ExitStack() as stack, asyncio.Runner(loop_factory=loop_factory) as runner:
        servers: dict[str, tuple[Server, int]] = {}
        for size in SIZES_QUICK if quick else SIZES:
            told(f"growth: making {size:,} accounts")
            server = make[OURS](stack.enter_context(scratch()))
            server.furnish(size)
            servers[f"{size:,} accounts"] = (server, size)
        for number in range(rounds):
            for name in turns(list(servers), number):
                told(f"growth: round {number + 1} of {rounds}, {name}")
                server, size = servers[name]
                with server.running() as roots:
                    dice = random.Random(f"{number} {name}")  # noqa: S311 - not for secrets
                    yield from runner.run(_one_round(server, roots, name, size, work, dice))


async def _one_round(
    server: Server, roots: list[int], name: str, size: int, work: Work, dice: random.Random
) -> list[Value]:
    accounts = [dice.randrange(size) for _ in range(work.messages)]
    before = processes.memory(roots).anonymous
    values = await _deliveries(server, roots, name, accounts)
    active = len(set(accounts))
    grown_kb = (processes.memory(roots).anonymous - before) / 1024
    values.append(Value("memory an active account, after its first message", "kB", name, grown_kb / active))
    clients = await load.log_in(server.ports.imap, [dice.randrange(size) for _ in range(work.clients)])
    try:
        values.append(Value("STATUS of a cold account", "ms", name, await _first_status_ms(clients)))
        for command in load.commands():
            cpu_s = processes.cpu_s(roots)
            await load.repeat(clients, command, work.times)
            cpu_s = processes.cpu_s(roots) - cpu_s
            values.append(Value(f"{command.what}: CPU", "ms/command", name, cpu_s / len(clients) / work.times * 1000))
    finally:
        for client in clients:
            client.close()
    return values


async def _deliveries(server: Server, roots: list[int], name: str, accounts: list[int]) -> list[Value]:
    sent = load.letters(accounts)
    cpu_s, started = processes.cpu_s(roots), time.monotonic()
    await load.deliver(server.ports.smtp, sent)
    took_s, cpu_s = time.monotonic() - started, processes.cpu_s(roots) - cpu_s
    return [
        Value("delivery", "messages/s", name, len(accounts) / took_s),
        Value("delivery: CPU", "ms/message", name, cpu_s / len(accounts) * 1000),
    ]


async def _first_status_ms(clients: list[Swift]) -> float:
    """One after the other, so that each is alone."""
    times = []
    for client in clients:
        started = time.perf_counter()
        await client.command(b"STATUS INBOX (MESSAGES)\r\n")
        times.append((time.perf_counter() - started) * 1000)
    return median(times)

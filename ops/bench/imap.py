"""How fast IMAP is with fifty busy clients, operation by operation, and what an operation costs in CPU.

The law: the clients are the same for both, and light (ops/bench/wire.py); an answer is checked once before anything
is timed, so that nobody is fast by answering less. Mailboxes are filled by APPEND, the same messages for both.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any, Final, NamedTuple

from ops.bench import processes, texts
from ops.bench.delivery import Make, Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.peers import Server, address
from ops.bench.wire import Swift

CLIENTS: Final = 50  # each in an account of its own
MESSAGE_BYTES: Final = 4096
BODIES: Final = 20
TARGET: Final = "Sent"  # APPEND goes where clients put what they sent, so the mailbox that is read stays as it is


class Size(NamedTuple):
    """How much is done."""

    messages: int  # in each mailbox
    times: int  # every operation's `times` is multiplied by this


class Operation(NamedTuple):
    """A row of the table: `times` commands of each client, one after the other."""

    what: str
    times: int
    command: Callable[[int, int, int, Size], bytes]  # of client, turn, round
    least: Callable[[Size], tuple[bytes, int]]  # what its answer must hold, at least so often


def _select(_client: int, _turn: int, _round: int, _size: Size) -> bytes:
    return b"SELECT INBOX\r\n"


def _envelopes(_client: int, _turn: int, _round: int, size: Size) -> bytes:
    return b"FETCH 1:%d (FLAGS ENVELOPE)\r\n" % size.messages


def _bodies(client: int, turn: int, number: int, size: Size) -> bytes:
    """Messages spread over the mailbox, others each time."""
    first = client + 7 * turn + 3 * number
    step = size.messages // BODIES
    chosen = [b"%d" % ((first + step * at) % size.messages + 1) for at in range(BODIES)]
    return b"FETCH " + b",".join(chosen) + b" (BODY.PEEK[])\r\n"


def _store(client: int, turn: int, number: int, size: Size) -> bytes:
    r"""One message's \Flagged: set in one round, taken away in the next, so that each STORE changes something."""
    sign = b"-" if number % 2 else b"+"
    return b"STORE %d %sFLAGS (\\Flagged)\r\n" % ((client + 13 * turn) % size.messages + 1, sign)


def _search(_client: int, _turn: int, _round: int, _size: Size) -> bytes:
    return f"SEARCH TEXT {texts.NEEDLE}\r\n".encode()


@cache
def _words() -> texts.Pool:
    return texts.prose()


def message(client: int, number: int) -> bytes:
    """One of MESSAGE_BYTES."""
    return texts.letter(number, address(client), MESSAGE_BYTES, _words())


def append(mailbox: str, content: bytes) -> bytes:
    """The command, with LITERAL+ (RFC 7888), which both have."""
    return b"APPEND %s {%d+}\r\n%s\r\n" % (mailbox.encode(), len(content), content)


def _append(client: int, turn: int, number: int, _size: Size) -> bytes:
    return append(TARGET, message(client, 1_000_000 + 1000 * number + turn))


OPERATIONS: Final = (
    Operation("SELECT", 20, _select, lambda size: (b"* %d EXISTS" % size.messages, 1)),
    Operation("FETCH flags and envelopes of all", 4, _envelopes, lambda size: (b" ENVELOPE (", size.messages)),
    Operation("FETCH 20 bodies", 10, _bodies, lambda _size: (b"Message-ID: <bench.", BODIES)),
    Operation("STORE a flag", 50, _store, lambda _size: (b"FETCH (", 1)),
    Operation("SEARCH TEXT", 2, _search, lambda size: (b" ", size.messages // texts.NEEDLE_EVERY)),
    Operation("APPEND 4 kB", 20, _append, lambda _size: (b"OK", 1)),
)


def measure(make: dict[str, Make], scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Both servers are filled once and stay up; the rounds alternate. The first round of each reads new mailboxes."""
    size = Size(200, 1) if quick else Size(1000, 4)
    with ExitStack() as stack, asyncio.Runner(loop_factory=loop_factory) as runner:
        up = {}
        for name, maker in make.items():
            server = maker(stack.enter_context(scratch()))
            server.furnish(CLIENTS)
            roots = stack.enter_context(server.running())
            told(f"IMAP: filling {name}")
            up[name] = (server, roots, runner.run(_filled(server, size)))
        for number in range(rounds):
            for name in turns(list(up), number):
                told(f"IMAP: round {number + 1} of {rounds}, {name}")
                yield from runner.run(one_round(*up[name], number, size))


def loop_factory() -> asyncio.AbstractEventLoop:
    """The fastest loop there is, for clients."""
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _filled(server: Server, size: Size) -> list[Swift]:
    """All clients, logged in, their mailboxes filled, and each operation's answer checked once."""
    clients = [await Swift.open(server.ports.imap, account) for account in range(CLIENTS)]

    async def fill(account: int) -> None:
        await clients[account].command(f"CREATE {TARGET}\r\n".encode(), refusable=True)
        for number in range(size.messages):
            await clients[account].command(append("INBOX", message(account, number)))

    await _all(fill(account) for account in range(CLIENTS))
    for operation in OPERATIONS:
        answer = await clients[0].command(operation.command(0, -1, 0, size), keep=True)
        holds, times = operation.least(size)
        if answer.count(holds) < times:
            raise RuntimeError(f"{server.name}: {operation.what} answered less than it must: {answer[:500]!r}")
    return clients


async def _all(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one)


async def one_round(server: Server, roots: list[int], clients: Sequence[Swift], number: int, size: Size) -> list[Value]:
    """Each operation by all clients at once, one operation after the other; then all of them together."""
    for client in clients:
        await client.command(b"SELECT INBOX\r\n")
    values: list[Value] = []
    commands, all_s, all_cpu_s = 0, 0.0, 0.0
    for operation in OPERATIONS:
        done, took_s, cpu_s = await _timed(operation, roots, clients, number, size)
        values += _values(operation.what, server.name, done, took_s, cpu_s)
        commands, all_s, all_cpu_s = commands + done, all_s + took_s, all_cpu_s + cpu_s
    return values + _values("all of these", server.name, commands, all_s, all_cpu_s)


async def _timed(
    operation: Operation, roots: list[int], clients: Sequence[Swift], number: int, size: Size
) -> tuple[int, float, float]:
    """(commands, seconds, the server's CPU seconds)"""
    times = operation.times * size.times
    made = [[operation.command(at, turn, number, size) for turn in range(times)] for at in range(len(clients))]

    async def one(at: int) -> None:
        for command in made[at]:
            await clients[at].command(command)

    cpu_s, started = processes.cpu_s(roots), time.monotonic()
    await _all(one(at) for at in range(len(clients)))
    took_s = time.monotonic() - started
    return times * len(clients), took_s, processes.cpu_s(roots) - cpu_s


def _values(what: str, server: str, commands: int, took_s: float, cpu_s: float) -> list[Value]:
    return [
        Value(what, "commands/s", server, commands / took_s),
        Value(f"{what}: CPU", "ms/command", server, cpu_s / commands * 1000),
    ]

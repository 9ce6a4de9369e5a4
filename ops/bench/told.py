"""How long it takes until all who wait have heard of a change, and what telling them costs: a thousand idle sessions.

The law: the clock runs from before the first change is sent until the last session has heard; a turn begins when all
have heard of the one before. CPU is that of the server's whole process tree with the changes themselves, by the number
of sessions that were told.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from ops.bench import load, processes, texts
from ops.bench.crowd import AT_ONCE, raise_files_limit
from ops.bench.delivery import Make, Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.imap import append, loop_factory
from ops.bench.peers import Server, address
from ops.bench.wire import Swift

TURNS: Final = 10
HEARD_S_MAX: Final = 120.0
SPARE: Final = 50  # connections that a server may have besides
# Each of Dovecot's processes that idles has one; Linux gives a user 128, beyond which Dovecot looks every 30 s only.
WATCHES: Final = Path("/proc/sys/fs/inotify/max_user_instances")
WATCHES_MIN: Final = 8192


class Case(NamedTuple):
    """So many sessions on so many accounts. Each account is changed once a turn, all at the same time."""

    accounts: int
    sessions: int

    @property
    def what(self) -> str:
        """As the table has it."""
        return f"{self.sessions:,} sessions on {self.accounts:,} mailbox{'es' * (self.accounts > 1)}"


CASES: Final = (Case(100, 1000), Case(1, 100))
CASES_QUICK: Final = (Case(5, 20), Case(1, 10))


class Ear(Swift):
    """A client that idles, and says so to the crowd when it hears a line with the word that all wait for."""

    crowd: "Crowd | None" = None  # until it idles

    def heard(self, data: bytes) -> None:
        """Of one change there is one such line; both servers say it whole."""
        if self.crowd is not None and self.crowd.word in data:
            self.crowd.hears()


class Crowd:
    """All who wait."""

    def __init__(self) -> None:
        self.word = b""
        self._left = 0
        self._at_s = 0.0  # of time.monotonic
        self._all = asyncio.Event()

    def wait_for(self, word: bytes, times: int) -> None:
        """From now on."""
        self.word, self._left = word, times
        self._all.clear()

    def hears(self) -> None:
        """One more has."""
        self._left -= 1
        if self._left == 0:
            self._at_s = time.monotonic()
            self._all.set()

    async def done(self) -> float:
        """When the last heard. Raises TimeoutError."""
        async with asyncio.timeout(HEARD_S_MAX):
            await self._all.wait()
        return self._at_s


def measure(make: dict[str, Make], scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Each case and round on a fresh server of each kind."""
    raise_files_limit()
    with watching(), asyncio.Runner(loop_factory=loop_factory) as runner:
        for case in CASES_QUICK if quick else CASES:
            for number in range(rounds):
                for name in turns(list(make), number):
                    told(f"told: {case.what}, round {number + 1} of {rounds}, {name}")
                    with ExitStack() as stack:
                        server = make[name](stack.enter_context(scratch()))
                        server.connections = max(server.connections, case.sessions + case.accounts + SPARE)
                        server.furnish(case.accounts)
                        roots = stack.enter_context(server.running())
                        yield from runner.run(_one_round(server, roots, case))


@contextlib.contextmanager
def watching() -> Iterator[None]:
    """Let Dovecot's processes watch their mailboxes, as its documentation tells operators to; put back in the end."""
    before = WATCHES.read_text() if WATCHES.exists() else ""
    raised = bool(before) and int(before) < WATCHES_MIN
    if raised:
        with contextlib.suppress(PermissionError):
            WATCHES.write_text(str(WATCHES_MIN))
    try:
        yield
    finally:
        if raised:
            with contextlib.suppress(PermissionError):
                WATCHES.write_text(before)


async def _one_round(server: Server, roots: list[int], case: Case) -> list[Value]:
    changing = await load.log_in(server.ports.imap, range(case.accounts))
    content = texts.letter(1, address(0), load.MESSAGE_BYTES, texts.noise())
    for client in changing:
        await client.command(append("INBOX", content))
        await client.command(b"SELECT INBOX\r\n")
    crowd = Crowd()
    ears = await _ears(server.ports.imap, case, crowd)
    flags = load.Command("a flag", [b"STORE 1 %cFLAGS (\\Flagged)\r\n" % sign for sign in b"+-"])
    new = load.Command("a new message", [append("INBOX", content)])
    values: list[Value] = []
    try:
        for command, word in ((flags, b" FETCH ("), (new, b" EXISTS")):
            values += await _turns(server, roots, case, changing, crowd, command, word)
    finally:
        for one in (*ears, *changing):
            one.close()
    return values


async def _ears(port: int, case: Case, crowd: Crowd) -> list[Ear]:
    numbers = iter(range(case.sessions))
    found: list[Ear] = []

    async def some() -> None:
        for number in numbers:
            ear = await Ear.open(port, number % case.accounts)
            ear.crowd = crowd
            await ear.command(b"SELECT INBOX\r\n")
            await ear.idle()
            found.append(ear)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())
    return found


async def _turns(
    server: Server,
    roots: list[int],
    case: Case,
    changing: Sequence[Swift],
    crowd: Crowd,
    command: load.Command,
    word: bytes,
) -> list[Value]:
    times_ms = []
    cpu_s = processes.cpu_s(roots)
    for turn in range(TURNS):
        crowd.wait_for(word, case.sessions)
        started = time.monotonic()
        variant = command.variants[turn % len(command.variants)]
        await asyncio.gather(*(client.command(variant) for client in changing))
        times_ms.append((await crowd.done() - started) * 1000)
    cpu_s = processes.cpu_s(roots) - cpu_s
    what = f"{command.what}, {case.what}"
    return [
        Value(f"{what}: all have heard", "ms", server.name, median(times_ms)),
        Value(f"{what}: CPU", "ms/session", server.name, cpu_s / TURNS / case.sessions * 1000),
    ]

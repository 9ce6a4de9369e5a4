"""How soon all who hold an event source open are told of a delivery, and what telling them costs: without HTTP.

The law: a turn begins when all have been told of the one before; the clock runs from before the delivery is asked for
until the last stream has given its event. CPU is this process's, with the delivery itself, by the number of streams.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from actors.mailbox.client import MailboxClient
from gateway.push.streams import events
from gateway.push.watcher import Watcher
from mail.jmap.push import EventSource
from ops.bench.delivery import Scratch, Told
from ops.bench.figures import Value
from ops.bench.filling import add_accounts
from ops.bench.imap import loop_factory
from ops.bench.peers import OURS, address
from ops.bench.texts import letters
from ops.core import opened
from ops.settings import StoreSettings

TURNS: Final = 20
HEARD_S_MAX: Final = 60.0
WANTED: Final = EventSource(frozenset({"Mailbox", "Email", "EmailDelivery"}), close_after_state=False, ping=300)


class Case(NamedTuple):
    """So many streams over so many accounts, each of which is delivered to once a turn."""

    accounts: int
    streams: int

    @property
    def what(self) -> str:
        """As the table has it."""
        return f"{self.streams:,} event sources on {self.accounts:,} account{'s' * (self.accounts > 1)}"


CASES: Final = (Case(1, 1000), Case(1000, 1000))
CASES_QUICK: Final = (Case(1, 50), Case(10, 50))


class Crowd:
    """Counts who was told."""

    def __init__(self) -> None:
        self._left = 0
        self._at_s = 0.0
        self._all = asyncio.Event()

    def wait_for(self, number: int) -> None:
        """From now on."""
        self._left = number
        self._all.clear()

    async def hear(self, stream: AsyncGenerator[bytes, None]) -> None:
        """Read a stream, for ever."""
        async for piece in stream:
            if b"event: state" in piece:
                self._left -= 1
                if self._left == 0:
                    self._at_s = time.perf_counter()
                    self._all.set()

    async def done(self) -> float:
        """When the last was told. Raises TimeoutError."""
        async with asyncio.timeout(HEARD_S_MAX):
            await self._all.wait()
        return self._at_s


def measure(_make: object, scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Each case and round on a fresh store, all in this process."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        for case in CASES_QUICK if quick else CASES:
            for number in range(rounds):
                told(f"pushed: {case.what}, round {number + 1} of {rounds}")
                with scratch() as directory:
                    yield from runner.run(_one_round(directory, case))


async def _one_round(directory: Path, case: Case) -> list[Value]:
    async with opened(directory / "data", StoreSettings()) as core, AsyncExitStack() as stack:
        await add_accounts(core, case.accounts)
        accounts = [(await core.directory.get_account(address(number))).id for number in range(case.accounts)]
        watcher = Watcher(core.mailboxes, core.directory)
        stack.callback(watcher.close)
        crowd = Crowd()
        readers = []
        for number in range(case.streams):
            stream = events(watcher, accounts[number % case.accounts], WANTED)
            await anext(stream)
            readers.append(asyncio.create_task(crowd.hear(stream)))
        try:
            return await _turns(core.mailboxes, accounts, case, crowd)
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)


async def _turns(mail: MailboxClient, accounts: list[int], case: Case, crowd: Crowd) -> list[Value]:
    message = await mail.prepare(letters()[0])
    times_ms = []
    cpu_s = 0.0
    for _turn in range(TURNS):
        await asyncio.sleep(0.15)  # so that none waits for its turn to be told
        crowd.wait_for(case.streams)
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(mail.deliver(account, message) for account in accounts))
        times_ms.append((await crowd.done() - started) * 1000)
        cpu_s += time.process_time() - cpu
    return [
        Value(f"a delivery, {case.what}: all are told", "ms", OURS, median(times_ms)),
        Value(f"a delivery, {case.what}: CPU", "us/stream", OURS, cpu_s / TURNS / case.streams * 1e6),
    ]

"""Event sources for benchmarks (RFC 8620 7.3), in a process of their own, which note when they hear of a change.

The law: nothing is read of an event but that it is one; a stream that ends is an error.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Final, Self, cast

from ops.bench.askers import own_process, trusting
from ops.bench.imap import loop_factory
from ops.bench.peers import HOST

AT_ONCE: Final = 50  # that connect
HEARD_S_MAX: Final = 60.0
EVENT: Final = b"event: state"  # of which there is one in an event


def events_in(tail: bytes, data: bytes) -> tuple[int, bytes]:
    """How many events began in what came, after the end of what came before; and the end for the next time."""
    whole = tail + data
    return whole.count(EVENT), whole[-(len(EVENT) - 1) :]


class Hearers:
    """The process, and what it has open."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    @contextmanager
    def listening(self, port: int, requests: Sequence[bytes]) -> Iterator[None]:
        """A stream for each request; all have begun."""
        self._pool.submit(_open, port, requests).result()
        try:
            yield
        finally:
            self._pool.submit(_close).result()

    def settle(self, seconds: float) -> None:
        """What comes within this time is of the turn before."""
        self._pool.submit(_settle, seconds).result()

    def heard(self) -> Future[list[float]]:
        """When each stream has heard of what comes next (time.perf_counter, the same in all processes of Linux)."""
        return self._pool.submit(_heard)


@contextmanager
def hearers() -> Iterator[Hearers]:
    """Ends with the block."""
    with own_process() as pool:
        yield Hearers(pool)


class Crowd:
    """All who listen, and when each has heard; nobody hears twice of one turn."""

    def __init__(self) -> None:
        self.ears: list[Ear] = []
        self._times_s: dict[Ear, float] = {}
        self._all = asyncio.Event()
        self.wrong = ""

    def hears(self, ear: "Ear") -> None:
        """One has."""
        self._times_s.setdefault(ear, time.perf_counter())
        if len(self._times_s) == len(self.ears):
            self._all.set()

    def fails(self, why: str) -> None:
        """One has gone."""
        self.wrong = why
        self._all.set()

    def begin(self) -> None:
        """A turn; nobody has heard. What went wrong stays so."""
        self._times_s.clear()
        if not self.wrong:
            self._all.clear()

    async def done(self) -> list[float]:
        """When each has heard. Raises RuntimeError, TimeoutError."""
        async with asyncio.timeout(HEARD_S_MAX):
            await self._all.wait()
        if self.wrong:
            raise RuntimeError(self.wrong)
        return list(self._times_s.values())


class Ear(asyncio.Protocol):
    """One stream."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._tail = b""
        self.begun = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, port: int, request: bytes, crowd: Crowd) -> Self:
        """Connect and ask; the answer has begun."""
        loop = asyncio.get_running_loop()
        ear = (await loop.create_connection(lambda: cls(crowd), HOST, port, ssl=trusting()))[1]
        ear._transport.write(request)
        await ear.begun
        return ear

    def close(self) -> None:
        """Without a word."""
        self._crowd = Crowd()
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        if not self.begun.done():
            if data.startswith(b"HTTP/1.1 200"):
                self.begun.set_result(None)
            else:
                self.begun.set_exception(RuntimeError(f"the server answered {data[:500]!r}"))
            return
        found, self._tail = events_in(self._tail, data)
        if found:
            self._crowd.hears(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._crowd.fails(f"an event source ended: {exc}")


class _Process:
    """What lasts from one job to the next in that process."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner(loop_factory=loop_factory)
        self.crowd = Crowd()


_here = _Process()


def _open(port: int, requests: Sequence[bytes]) -> None:
    async def all_of_them() -> None:
        waiting = iter(requests)

        async def some() -> None:
            for request in waiting:
                _here.crowd.ears.append(await Ear.open(port, request, _here.crowd))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some())

    _here.crowd = Crowd()
    _here.runner.run(all_of_them())


def _settle(seconds: float) -> None:
    _here.runner.run(asyncio.sleep(seconds))
    _here.crowd.begin()


def _heard() -> list[float]:
    return _here.runner.run(_here.crowd.done())


def _close() -> None:
    async def all_of_them() -> None:
        for ear in _here.crowd.ears:
            ear.close()
        await asyncio.sleep(0)

    _here.runner.run(all_of_them())

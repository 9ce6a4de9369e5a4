"""The simulated store: one state for all processes, each of which reaches it over the network.

The law: a commit lands as a whole or not at all, at one moment, and only while what it read still holds. What its
process hears is another matter: the answer may be lost, or the request arrive after the process was told that nobody
knows. `landed` is told of each commit in the order of landing, before anybody else knows.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from msgspec import Struct

from cluster.clock import Clock
from cluster.errors import Trouble, Unavailable
from cluster.meta.memory import MemoryEngine
from cluster.meta.optimistic import OptimisticStore, OptimisticTransaction
from cluster.meta.store import Row
from cluster.meta.validate import Changes
from ops.sim.loop import Lane
from ops.sim.network import Network

T = TypeVar("T")

HOST: Final = "store"
ANSWER_S: Final = 5.0  # then a process gives a request up: FoundationDB's transactions live so long
LATE_S: Final = ((0.0, 0.5), (2.0, 15.0))  # a commit's way that its process has given up


class StoreWeather(Struct):
    """What may go wrong, as probabilities of one request."""

    refused: float = 0.0  # Unavailable, nothing done
    unknown: float = 0.0  # of a commit: done, or not, and Unavailable is the answer
    late: float = 0.0  # of a commit: Unavailable is the answer, and it may land afterwards
    slow: float = 0.0  # takes up to `slow_s`
    slow_s: float = 0.5


class SimStore:
    """The server's side."""

    def __init__(self, network: Network, landed: Callable[[Lane, Changes], None]) -> None:
        self.engine = MemoryEngine()
        self.lane = Lane(HOST)
        self.network = network
        self.weather = StoreWeather()
        self.commits = 0
        self.before_commit: dict[Lane, Callable[[], None]] = {}  # called once, when the lane is about to commit
        self._landed = landed

    def land(self, source: Lane, changes: Changes) -> None:
        """Land a commit. Raises Conflict."""
        self.engine.land(changes)
        self.commits += 1
        self.network.trace("commit", source.name, self.commits, len(changes.overlay.writes))
        self._landed(source, changes)

    def latency(self) -> float:
        """One way, in seconds."""
        weather, dice = self.weather, self.network.dice
        slow = weather.slow and dice.random() < weather.slow
        return self.network.latency() + (weather.slow_s * dice.random() if slow else 0.0)


class _Remote:
    """A process's engine: what it asks of the server."""

    def __init__(self, server: SimStore, lane: Lane) -> None:
        self._server = server
        self._lane = lane
        self.snapshot = server.engine.snapshot
        self.get = server.engine.get
        self.get_many = server.engine.get_many
        self.range = server.engine.range

    async def read(self, reading: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Read at the server, at the moment at which the request arrives there. Raises Unavailable."""
        answer: asyncio.Future[T] = self._server.network.loop.create_future()

        def work() -> T:
            if answer.done():  # given up: a snapshot taken now would be held for ever
                raise _silence()
            return _at_once(reading)

        return await self._ask(work, answer)

    async def commit(self, changes: Changes) -> None:
        """Raises Conflict, Unavailable when nobody knows."""
        server, lane = self._server, self._lane
        weather, dice, loop = server.weather, server.network.dice, server.network.loop
        answer: asyncio.Future[None] = loop.create_future()
        if (befalls := server.before_commit.pop(lane, None)) is not None:
            befalls()
            await asyncio.sleep(0)

        def work() -> None:
            server.land(lane, changes)

        if weather.late and dice.random() < weather.late:  # told that nobody knows, while it is still on its way
            server.network.trace("store.late", lane.name)
            loop.at(server.lane, loop.now + dice.uniform(*dice.choice(LATE_S)), _quietly, work)
            await asyncio.sleep(server.latency())
            raise _silence()
        if weather.unknown and dice.random() < weather.unknown:
            is_done = dice.random() < 0.5
            server.network.trace("store.unknown", lane.name, is_done)
            await self._ask(work if is_done else lambda: None, answer)
            raise _silence()
        await self._ask(work, answer)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def _ask(self, work: Callable[[], T], answer: "asyncio.Future[T]") -> T:
        server, lane = self._server, self._lane
        network, loop, weather = server.network, server.network.loop, server.weather
        if weather.refused and network.dice.random() < weather.refused:
            await asyncio.sleep(server.latency())
            raise _silence()

        def arrive() -> None:
            back = loop.now + server.latency()
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - it is the asker's
                settle: tuple[Any, ...] = (_raise, answer, error)
            else:
                settle = (_settle, answer, result)
            if not network.blocked(HOST, lane.name):
                loop.at(lane, back, *settle)

        if not network.blocked(lane.name, HOST):
            loop.at(server.lane, loop.now + server.latency(), arrive)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            raise _silence() from None


class _Transaction(OptimisticTransaction):
    """Reads take their time."""

    __slots__ = ("_remote",)

    def __init__(self, remote: _Remote, clock: Clock) -> None:
        super().__init__(remote, clock.monotonic)
        self._remote = remote

    async def get(self, key: bytes) -> bytes | None:
        """The value, or None."""
        return await self._remote.read(partial(super().get, key))

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        return await self._remote.read(partial(super().get_many, keys))

    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        """A page of rows."""
        return await self._remote.read(partial(super().range, begin, end, limit=limit, reverse=reverse))


class StoreClient(OptimisticStore):
    """A process's Store."""

    def __init__(self, server: SimStore, lane: Lane, clock: Clock) -> None:
        self._remote = _Remote(server, lane)
        self._clock = clock
        super().__init__(self._remote, clock=clock, dice=server.network.dice)

    def _begin(self) -> _Transaction:
        return _Transaction(self._remote, self._clock)

    async def get(self, key: bytes) -> bytes | None:
        """The newest durable value, or None."""
        return await self._remote.read(partial(super().get, key))

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The newest durable values, all of one moment, in the order of the keys."""
        return await self._remote.read(partial(super().get_many, keys))

    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        """A page of the newest durable rows."""
        return await self._remote.read(partial(super().range, begin, end, limit=limit, reverse=reverse))


class ReadNow:
    """A Reader that takes no time, for checks."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine

    async def get(self, key: bytes) -> bytes | None:
        """The value, or None."""
        return self._engine.get(key)

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        return self._engine.get_many(keys)

    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        """A page of rows."""
        return self._engine.range(begin, end, limit, reverse).rows


def _silence() -> Unavailable:
    return Unavailable("The store does not answer; try again.")


def _at_once(reading: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine that never waits."""
    try:
        reading().send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    raise AssertionError("a read of the memory engine waited")


def _quietly(work: Callable[[], None]) -> None:
    with suppress(Trouble):
        work()


def _settle(answer: "asyncio.Future[Any]", result: Any) -> None:
    if not answer.done():
        answer.set_result(result)


def _raise(answer: "asyncio.Future[Any]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)

"""Serializable transactions over an engine that has to be awaited: optimistic.py for a store across a network.

A body reads from a snapshot, its writes are buffered, and at the commit the engine reads all of it again under its
locks (validate.py). The law: a commit whose outcome is unknown is told as Unavailable and never tried again here,
because an add that landed twice would count twice.

Most bodies read once, and one read is of one moment without a snapshot, which would cost two round trips more. So the
snapshot is taken for the second read, which asks for the first one's keys again: where they have other values now, the
body was told of another moment and is run again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from cluster.clock import Clock, Dice
from cluster.meta.engine import Conflict
from cluster.meta.limits import KEYS_END, Page, check_key, rows_wanted
from cluster.meta.overlay import UNTOUCHED, covered
from cluster.meta.store import Row
from cluster.meta.transacting import BufferedTransaction, Committing, TransactingStore
from cluster.meta.validate import PageRead, fingerprint, value_over

T = TypeVar("T")
Asked = tuple[bytes, bytes, int, bool]  # a page: begin, end, limit, reverse


class RemoteView(Protocol):
    """Reads at one moment. Every call may raise Trouble; limits have been checked."""

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys, all of one moment."""
        ...

    async def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        """A page as limits.page_of cuts it; begin < end <= KEYS_END and limit > 0."""
        ...


class RemoteSnapshot(RemoteView, Protocol):
    """A view that stays as it was, from its first read until closed."""

    def close(self) -> None:
        """Let go, without waiting; again is harmless."""
        ...


class RemoteEngine(RemoteView, Committing, Protocol):
    """What a store across a network brings. As a view it sees the newest durable state."""

    def snapshot(self) -> RemoteSnapshot:
        """A snapshot to be taken at its first read."""
        ...


class Answers:
    """A view for code that cannot wait: what was fetched already; `telling` fetches what it misses."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes | None] = {}
        self.pages: dict[Asked, Page] = {}

    def get(self, key: bytes) -> bytes | None:
        """A fetched value."""
        return self.values[key]

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Fetched values."""
        return [self.values[key] for key in keys]

    def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        """A fetched page. Raises _Missing."""
        asked = (begin, end, limit, reverse)
        page = self.pages.get(asked)
        if page is None:
            raise _Missing(asked)
        return page


class _Missing(Exception):
    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self.asked = asked


async def telling(
    answers: Answers, read: Callable[[bytes, bytes, int, bool], Awaitable[Page]], question: Callable[[], T]
) -> T:
    """What `question` returns, which reads pages through `answers` and is asked again when one was missing.

    It must have no effects. Asked n times for n pages, and each is a round trip that costs more than that.
    """
    while True:
        try:
            return question()
        except _Missing as missing:
            answers.pages[missing.asked] = await read(*missing.asked)


class RemoteTransaction(BufferedTransaction):
    """One run of a body. Not for use after its end."""

    __slots__ = ("_engine", "_snapshot", "_turn")

    def __init__(self, engine: RemoteEngine, monotonic: Callable[[], float]) -> None:
        super().__init__(monotonic)
        self._engine = engine
        self._snapshot: RemoteSnapshot | None = None
        self._turn = asyncio.Lock()  # which read is the first must be known; a snapshot answers one at a time anyway

    async def get(self, key: bytes) -> bytes | None:
        """The value, or None."""
        write = self._overlay.look(key)
        if write is None or isinstance(write, bytes):
            return write
        await self._read((key,))
        return value_over(write, self._reads[key])

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        writes = [self._overlay.look(key) for key in keys]
        await self._read(
            key for key, write in zip(keys, writes, strict=True) if write is UNTOUCHED or isinstance(write, int)
        )
        return [value_over(write, self._reads.get(key)) for key, write in zip(keys, writes, strict=True)]

    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        """A page of rows with begin <= key < end."""
        end = min(end, KEYS_END)
        if begin >= end or limit <= 0:
            return []
        wanted = rows_wanted(limit)
        if not self._overlay:
            return (await self._read_page(begin, end, wanted, reverse)).rows
        answers = Answers()
        page = await telling(
            answers, self._read_page, lambda: self._overlay.range(answers.range, begin, end, wanted, reverse)
        )
        return page.rows

    def end(self) -> None:
        """Let go of the snapshot."""
        self._over = True
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None

    async def _read(self, keys: Iterable[bytes]) -> None:
        """Have the store's values of the keys in `_reads`."""
        unread = list(dict.fromkeys(key for key in keys if key not in self._reads))
        for key in unread:
            check_key(key)
            self._size_bytes += len(key)
        if unread:
            async with self._turn:
                values = await self._read_values(unread)
                for key, value in zip(unread, values, strict=True):
                    self._reads.setdefault(key, value)  # another read of this body may have been quicker

    async def _read_values(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        self._check_age()
        if self._snapshot is None and not self._reads:
            return await self._engine.get_many(keys)
        if self._snapshot is not None:
            return await self._snapshot.get_many(keys)
        return await self._begin_snapshot(keys)

    async def _begin_snapshot(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """Values of the keys, from a new snapshot in which what was read before is the same. Raises Conflict."""
        self._snapshot = self._engine.snapshot()
        told = self._reads
        wanted = [*told, *keys]
        values = await self._snapshot.get_many(wanted) if wanted else []
        if any(value != before for value, before in zip(values, told.values(), strict=False)):
            raise Conflict("Changed meanwhile; try again.")
        return values[len(told) :]

    async def _read_page(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        self._size_bytes += len(begin) + len(end)
        async with self._turn:
            self._check_age()
            if self._snapshot is None:
                await self._begin_snapshot(())
            assert self._snapshot is not None
            page = await self._snapshot.range(begin, end, limit, reverse)
            start, stop = covered(page, begin, end, reverse)
            self._pages.append(PageRead(start, stop, len(page.rows) + 1, reverse, fingerprint(page.rows)))
        return page


class RemoteStore(TransactingStore):
    """A store made of an engine across a network. See store.py for what the calls promise."""

    def __init__(
        self, engine: RemoteEngine, *, clock: Clock | None = None, dice: Dice | None = None, transactions_max: int
    ) -> None:
        super().__init__(engine, clock=clock, dice=dice, transactions_max=transactions_max)
        self._engine = engine

    def _begin(self) -> RemoteTransaction:
        return RemoteTransaction(self._engine, self._monotonic)

    async def get(self, key: bytes) -> bytes | None:
        """The newest durable value, or None."""
        (value,) = await self.get_many((key,))
        return value

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The newest durable values, all of one moment, in the order of the keys."""
        self._check_open()
        for key in keys:
            check_key(key)
        return await self._engine.get_many(keys) if keys else []

    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        """A page of the newest durable rows with begin <= key < end."""
        self._check_open()
        end = min(end, KEYS_END)
        if begin >= end or limit <= 0:
            return []
        return (await self._engine.range(begin, end, rows_wanted(limit), reverse)).rows

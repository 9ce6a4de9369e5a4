"""The embedded default: an LMDB environment in a directory.

Reads are memory accesses of about a microsecond in the caller's thread; writes go through the one committer
thread. The law: the map is resized only in the event loop's thread with no snapshot open and no write under way,
because every reader of this process looks through it.
"""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import lmdb

from cluster.clock import Clock, Dice
from cluster.errors import StoreFull, Unavailable
from cluster.meta.committer import Committer, land
from cluster.meta.engine import Conflict
from cluster.meta.limits import Page, page_of
from cluster.meta.lmdb_file import DATA, open_environment, trouble_of, writing_trouble_of
from cluster.meta.optimistic import OptimisticStore
from cluster.meta.overlay import Overlay
from cluster.meta.store import TRANSACTION_SECONDS_MAX, Row
from cluster.meta.transacting import TRANSACTIONS_MAX
from cluster.meta.validate import Changes

MAP_BYTES: Final = 2**40  # address space, not disk: the file grows as it is used
MAP_BYTES_MAX: Final = 2**46  # where doubling ends: half of what a process can address on x86-64
RESIZE_WAIT_S: Final = 10.0  # how long the writer waits for the event loop
REAP_EVERY: Final = 1000  # commits between two looks for readers that died, which would hold old pages for ever


class _Reader:
    """Reads through one LMDB transaction."""

    def __init__(self, transaction: Any) -> None:
        self._transaction = transaction

    def get(self, key: bytes) -> bytes | None:
        found: bytes | None = self._transaction.get(key)
        return found

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        if len(keys) == 1:
            return [self._transaction.get(keys[0])]
        found = dict(self._transaction.cursor().getmulti(sorted(keys)))
        return [found.get(key) for key in keys]

    def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        cursor = self._transaction.cursor()
        return page_of(_backwards(cursor, begin, end) if reverse else _forwards(cursor, begin, end), limit)


def _forwards(cursor: Any, begin: bytes, end: bytes) -> Iterator[Row]:
    if cursor.set_range(begin):
        for row in cursor.iternext():
            if row[0] >= end:
                return
            yield row


def _backwards(cursor: Any, begin: bytes, end: bytes) -> Iterator[Row]:
    if cursor.prev() if cursor.set_range(end) else cursor.last():
        for row in cursor.iterprev():
            if row[0] < begin:
                return
            yield row


class _Snapshot(_Reader):
    """A read transaction that is held; taken away when too old, or when the map must grow."""

    def __init__(self, transaction: Any, held: "dict[_Snapshot, None]", born_s: float) -> None:
        super().__init__(transaction)
        self._held = held
        self.born_s = born_s
        held[self] = None

    def get(self, key: bytes) -> bytes | None:
        if self not in self._held:
            raise _taken_away()
        try:
            found: bytes | None = self._transaction.get(key)
        except lmdb.Error as error:
            raise trouble_of(error) from error
        return found

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        if self not in self._held:
            raise _taken_away()
        with _translated():
            return super().get_many(keys)

    def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        if self not in self._held:
            raise _taken_away()
        with _translated():
            return super().range(begin, end, limit, reverse)

    def close(self) -> None:
        if self in self._held:
            del self._held[self]
            self._transaction.abort()


def _taken_away() -> Conflict:
    return Conflict("The snapshot was taken away; try again.")


class _Writing(_Reader):
    """The write transaction, in the writer's thread."""

    def apply(self, overlay: Overlay) -> None:
        cursor = self._transaction.cursor()
        for begin, end in overlay.cleared:
            found = cursor.set_range(begin)
            while found and cursor.key() < end:
                cursor.delete()
                found = bool(cursor.key())
        puts = []
        for key, write in sorted(overlay.writes.items()):
            if write is None:
                self._transaction.delete(key)
            else:
                puts.append((key, write))
        cursor.putmulti(puts)  # one call: each single put hands the interpreter's lock to and fro

    def commit(self) -> None:
        self._transaction.commit()


class _LmdbEngine:
    def __init__(self, environment: Any, data: Path) -> None:
        self._environment = environment
        self._begin_reading = environment.begin
        self._data = data
        self._loop = asyncio.get_running_loop()
        self._map = threading.Lock()  # held while a write transaction is open, and to resize
        self._held: dict[_Snapshot, None] = {}  # oldest first
        self._sweeping: asyncio.TimerHandle | None = None
        self._commits = 0
        self._committer = Committer(self._land, "lmdb-writer")

    def get(self, key: bytes) -> bytes | None:
        try:
            with self._begin_reading() as transaction:
                found: bytes | None = transaction.get(key)
                return found
        except lmdb.MapResizedError:
            self._adopt_map()
            return self.get(key)
        except lmdb.Error as error:
            raise trouble_of(error) from error

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        with _translated(), self._begin() as transaction:
            return _Reader(transaction).get_many(keys)

    def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        with _translated(), self._begin() as transaction:
            return _Reader(transaction).range(begin, end, limit, reverse)

    def snapshot(self) -> _Snapshot:
        with _translated():
            snapshot = _Snapshot(self._begin(), self._held, self._loop.time())
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(TRANSACTION_SECONDS_MAX, self._sweep)
        return snapshot

    async def commit(self, changes: Changes) -> None:
        await self._committer.commit(changes)

    async def close(self) -> None:
        await self._committer.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._take_snapshots()
        self._environment.close()

    def _begin(self) -> Any:
        try:
            return self._environment.begin()
        except lmdb.MapResizedError:
            self._adopt_map()
            return self._environment.begin()

    def _sweep(self) -> None:
        """A transaction that is never ended must not hold its pages for ever."""
        self._sweeping = None
        too_old_s = self._loop.time() - TRANSACTION_SECONDS_MAX
        for snapshot in [snapshot for snapshot in self._held if snapshot.born_s <= too_old_s]:
            snapshot.close()
        if self._held:
            wait_s = next(iter(self._held)).born_s - too_old_s
            self._sweeping = self._loop.call_later(wait_s, self._sweep)

    def _take_snapshots(self) -> None:
        for snapshot in list(self._held):
            snapshot.close()

    def _adopt_map(self) -> None:
        """Another process has made the map larger."""
        with self._map:
            self._take_snapshots()
            self._environment.set_mapsize(0)

    # What follows runs in the writer's thread.

    def _land(self, batch: Sequence[Changes]) -> list[bool]:
        self._commits += 1
        if self._commits % REAP_EVERY == 0:
            self._environment.reader_check()
        while True:
            try:
                with self._map, self._environment.begin(write=True) as transaction:
                    return land(_Writing(transaction), batch)
            except lmdb.MapFullError:
                self._resize(self._environment.info()["map_size"] * 2)
            except lmdb.MapResizedError:
                self._resize(0)
            except lmdb.Error as error:
                size_bytes = sum(changes.size_bytes for changes in batch)
                raise writing_trouble_of(error, self._data, size_bytes) from error

    def _resize(self, map_bytes: int) -> None:
        if map_bytes > MAP_BYTES_MAX:
            raise StoreFull("The store is full.", log=f"LMDB map cannot grow to {map_bytes} bytes")
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._resize_here, map_bytes, done)
        if not done.wait(RESIZE_WAIT_S):
            raise Unavailable("The store is busy.", log="the event loop did not answer when the LMDB map was to grow")

    def _resize_here(self, map_bytes: int, done: threading.Event) -> None:
        with self._map:
            self._take_snapshots()
            self._environment.set_mapsize(map_bytes)
        done.set()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except lmdb.Error as error:
        raise trouble_of(error) from error


class LmdbStore(OptimisticStore):
    """A store in LMDB. Command line tools may open the same directory beside a server."""

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        map_bytes: int = MAP_BYTES,
        clock: Clock | None = None,
        dice: Dice | None = None,
        transactions_max: int = TRANSACTIONS_MAX,
    ) -> "LmdbStore":
        """Open, or make, the store in `directory`. Raises Misconfigured, Corrupt, StoreFull."""
        environment = open_environment(directory, map_bytes)
        return cls(
            _LmdbEngine(environment, directory / DATA), clock=clock, dice=dice, transactions_max=transactions_max
        )

"""Serializable transactions over an engine that has snapshots and one writer at a time, all in this process.

A transaction buffers its writes (overlay.py) and remembers what it read; at commit all reads are done again on
the newest state, inside the write transaction (validate.py), and if one answers differently the body is run
again. The law: what `transact` returned is durable, what it raised was not applied.

A snapshot is taken at the first read, as FoundationDB does: that is the transaction's start. One that only
writes holds none, and one that only reads is answered without the writer.
"""

from collections.abc import Callable, Sequence

from cluster.clock import Clock, Dice
from cluster.meta.engine import Engine, Snapshot
from cluster.meta.limits import KEYS_END, Page, check_key, rows_wanted
from cluster.meta.overlay import UNTOUCHED, covered
from cluster.meta.store import Row
from cluster.meta.transacting import ATTEMPTS_MAX, TRANSACTIONS_MAX, BufferedTransaction, TransactingStore
from cluster.meta.validate import PageRead, fingerprint, value_over


class OptimisticTransaction(BufferedTransaction):
    """One run of a body. Not for use after its end."""

    __slots__ = ("_engine", "_snapshot")

    def __init__(self, engine: Engine, monotonic: Callable[[], float]) -> None:
        super().__init__(monotonic)
        self._engine = engine
        self._snapshot: Snapshot | None = None

    async def get(self, key: bytes) -> bytes | None:
        """The value, or None."""
        write = self._overlay.look(key)
        if write is None or isinstance(write, bytes):
            return write
        if key not in self._reads:
            check_key(key)
            self._size_bytes += len(key)
            self._reads[key] = self._view().get(key)
        return value_over(write, self._reads[key])

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        writes = [self._overlay.look(key) for key in keys]
        asked = [
            key
            for key, write in zip(keys, writes, strict=True)
            if (write is UNTOUCHED or isinstance(write, int)) and key not in self._reads
        ]
        for key in asked:
            check_key(key)
            self._size_bytes += len(key)
        if asked:
            self._reads.update(zip(asked, self._view().get_many(asked), strict=True))
        return [value_over(write, self._reads.get(key)) for key, write in zip(keys, writes, strict=True)]

    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        """A page of rows with begin <= key < end."""
        end = min(end, KEYS_END)
        if begin >= end or limit <= 0:
            return []
        return self._overlay.range(self._read_page, begin, end, rows_wanted(limit), reverse).rows

    def end(self) -> None:
        """Let go of the snapshot."""
        self._over = True
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None

    def _view(self) -> Snapshot:
        self._check_age()
        if self._snapshot is None:
            self._snapshot = self._engine.snapshot()
        return self._snapshot

    def _read_page(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        self._size_bytes += len(begin) + len(end)
        page = self._view().range(begin, end, limit, reverse)
        start, stop = covered(page, begin, end, reverse)
        self._pages.append(PageRead(start, stop, len(page.rows) + 1, reverse, fingerprint(page.rows)))
        return page


class OptimisticStore(TransactingStore):
    """A store made of an engine. See store.py for what the calls promise."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock | None = None,
        dice: Dice | None = None,
        attempts_max: int = ATTEMPTS_MAX,
        transactions_max: int = TRANSACTIONS_MAX,
    ) -> None:
        super().__init__(engine, clock=clock, dice=dice, attempts_max=attempts_max, transactions_max=transactions_max)
        self._engine = engine

    def _begin(self) -> OptimisticTransaction:
        return OptimisticTransaction(self._engine, self._monotonic)

    async def get(self, key: bytes) -> bytes | None:
        """The newest durable value, or None."""
        self._check_open()
        check_key(key)
        return self._engine.get(key)

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The newest durable values, all of one moment, in the order of the keys."""
        self._check_open()
        for key in keys:
            check_key(key)
        return self._engine.get_many(keys)

    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        """A page of the newest durable rows with begin <= key < end."""
        self._check_open()
        end = min(end, KEYS_END)
        if begin >= end or limit <= 0:
            return []
        return self._engine.range(begin, end, rows_wanted(limit), reverse).rows

"""Serializable transactions over an engine that has snapshots and one writer at a time.

A transaction buffers its writes (overlay.py) and remembers what it read; at commit all reads are done again on
the newest state, inside the write transaction (validate.py), and if one answers differently the body is run
again. The law: what `transact` returned is durable, what it raised was not applied.

A snapshot is taken at the first read, as FoundationDB does: that is the transaction's start. One that only
writes holds none, and one that only reads is answered without the writer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from cluster.clock import Clock, Dice, SystemClock, system_dice
from cluster.errors import TooLarge, Unavailable
from cluster.meta.engine import Conflict, Engine, Snapshot
from cluster.meta.limits import KEYS_END, Page, check_delta, check_key, refuse, rows_wanted
from cluster.meta.overlay import UNTOUCHED, Overlay, covered
from cluster.meta.store import (
    KEY_BYTES_MAX,
    TRANSACTION_BYTES_MAX,
    TRANSACTION_SECONDS_MAX,
    VALUE_BYTES_MAX,
    Row,
    Transaction,
)
from cluster.meta.validate import Changes, PageRead, fingerprint, value_over

T = TypeVar("T")

ATTEMPTS_MAX: Final = 40  # some seconds of waiting in all: who has lost so often meets a defect, not bad luck
BACKOFF_FIRST_S: Final = 0.001  # about one commit
BACKOFF_MAX_S: Final = 0.128
TRANSACTIONS_MAX: Final = 512  # at once; others wait. Bounds snapshots held and commits queued


class OptimisticTransaction:
    """One run of a body. Not for use after its end."""

    __slots__ = ("_deadline", "_engine", "_monotonic", "_over", "_overlay", "_pages", "_reads", "_size_bytes",
                 "_snapshot", "_writes")  # fmt: skip

    def __init__(self, engine: Engine, monotonic: Callable[[], float]) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._deadline = monotonic() + TRANSACTION_SECONDS_MAX
        self._overlay = Overlay()
        self._writes = self._overlay.writes  # the same dictionary, one look-up nearer
        self._reads: dict[bytes, bytes | None] = {}
        self._pages: list[PageRead] = []
        self._size_bytes = 0
        self._snapshot: Snapshot | None = None
        self._over = False

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

    def set(self, key: bytes, value: bytes) -> None:
        """Write. Raises TooLarge over the limits. (Long for its job because measured: a shard's commit is sets.)"""
        key_bytes = len(key)
        value_bytes = len(value)
        if key_bytes > KEY_BYTES_MAX or value_bytes > VALUE_BYTES_MAX or not b"" < key < KEYS_END:
            raise refuse(key, value)
        self._size_bytes += key_bytes + value_bytes
        if self._size_bytes > TRANSACTION_BYTES_MAX:
            raise self._too_large()
        self._writes[key] = value

    def clear(self, key: bytes) -> None:
        """Remove; no error where there is none."""
        check_key(key)
        self._count(len(key))
        self._writes[key] = None

    def clear_range(self, begin: bytes, end: bytes) -> None:
        """Remove all keys with begin <= key < end."""
        self._count(len(begin) + len(end))
        self._overlay.clear_range(begin, end)

    def add(self, key: bytes, delta: int) -> None:
        """Atomic add to a signed little-endian 64-bit integer, 0 where absent. No read conflict."""
        check_key(key)
        check_delta(delta)
        self._count(len(key) + 8)
        self._overlay.add(key, delta)

    def changes(self) -> Changes | None:
        """What to commit, or None if only reading was done. Raises TooLarge, Unavailable."""
        if not self._overlay:
            return None
        self._count(0)
        self._check_age()
        return Changes(self._reads, self._pages, self._overlay, self._size_bytes)

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

    def _check_age(self) -> None:
        if self._over:
            raise Unavailable("The transaction is over.")
        if self._monotonic() > self._deadline:
            raise Unavailable("The transaction is too old; try again.", log=f"over {TRANSACTION_SECONDS_MAX} s old")

    def _count(self, size_bytes: int) -> None:
        self._size_bytes += size_bytes
        if self._size_bytes > TRANSACTION_BYTES_MAX:
            raise self._too_large()

    def _too_large(self) -> TooLarge:
        return TooLarge("The change is too large.", log=f"transaction over {TRANSACTION_BYTES_MAX} bytes")


class OptimisticStore:
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
        self._engine = engine
        self._monotonic = (clock or SystemClock()).monotonic
        self._dice = dice or system_dice()
        self._attempts_max = attempts_max
        self._room = asyncio.Semaphore(transactions_max)
        self._closed = False

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

    async def transact(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body`, commit, return its result once durable. Raises what it raises, and what store.py says."""
        async with self._room:
            for attempt in range(self._attempts_max):
                self._check_open()
                transaction = OptimisticTransaction(self._engine, self._monotonic)
                try:
                    result = await body(transaction)
                    changes = transaction.changes()
                    if changes is not None:
                        self._check_open()
                        await self._engine.commit(changes)
                    return result
                except Conflict:
                    pass
                finally:
                    transaction.end()
                await asyncio.sleep(self._backoff_s(attempt))
        raise Unavailable("Too much changes at once here; try again.", log=f"{self._attempts_max} conflicts in a row")

    async def close(self) -> None:
        """Finish commits under way and let go of the files. Later calls raise Unavailable."""
        if not self._closed:
            self._closed = True
            await self._engine.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The store is closed.")

    def _backoff_s(self, attempt: int) -> float:
        """Full jitter: anything up to a bound that doubles, so that contenders spread."""
        return min(BACKOFF_FIRST_S * (1 << attempt), BACKOFF_MAX_S) * self._dice.getrandbits(16) / 2**16

"""What every store of ours does the same way around its reads: buffer writes within the limits, run bodies again.

A transaction's writes are kept in an overlay until its end; a body that was told what is not true any more is run
again, a bounded number of times with a growing, jittered wait. The law: what `transact` returned is durable, what
it raised was not applied (on a networked store Unavailable may also mean that nobody knows).
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from cluster.clock import Clock, Dice, SystemClock, system_dice
from cluster.errors import TooLarge, Unavailable
from cluster.meta.engine import Conflict
from cluster.meta.limits import KEYS_END, check_delta, check_key, refuse
from cluster.meta.overlay import Overlay
from cluster.meta.store import (
    KEY_BYTES_MAX,
    TRANSACTION_BYTES_MAX,
    TRANSACTION_SECONDS_MAX,
    VALUE_BYTES_MAX,
    Row,
    Transaction,
)
from cluster.meta.validate import Changes, PageRead

T = TypeVar("T")

ATTEMPTS_MAX: Final = 40  # some seconds of waiting in all: who has lost so often meets a defect, not bad luck
BACKOFF_FIRST_S: Final = 0.001  # about one commit
BACKOFF_MAX_S: Final = 0.128
TRANSACTIONS_MAX: Final = 512  # at once; others wait. Bounds snapshots held and commits queued


class Committing(Protocol):
    """The part of an engine that takes changes."""

    async def commit(self, changes: Changes) -> None:
        """Validate and apply, durable on return. Raises Conflict and other Trouble."""
        ...

    async def close(self) -> None:
        """Finish commits under way and let go."""
        ...


class Bounded:
    """One run of a body: its age and size. Not for use after its end."""

    __slots__ = ("_deadline", "_monotonic", "_over", "_size_bytes")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._deadline = monotonic() + TRANSACTION_SECONDS_MAX
        self._size_bytes = 0
        self._over = False

    def end(self) -> None:
        """Let go of what it holds."""
        self._over = True

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


class BufferedTransaction(Bounded, ABC):
    """A run whose writes are kept here, with what it read, until the commit."""

    __slots__ = ("_overlay", "_pages", "_reads", "_writes")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        super().__init__(monotonic)
        self._overlay = Overlay()
        self._writes = self._overlay.writes  # the same dictionary, one look-up nearer
        self._reads: dict[bytes, bytes | None] = {}
        self._pages: list[PageRead] = []

    @abstractmethod
    async def get(self, key: bytes) -> bytes | None:
        """The value, or None."""

    @abstractmethod
    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""

    @abstractmethod
    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        """A page of rows with begin <= key < end."""

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


class TransactingStore(ABC):
    """The transactions of a store, over an engine that validates and applies what they buffered."""

    def __init__(
        self,
        committing: Committing,
        *,
        clock: Clock | None = None,
        dice: Dice | None = None,
        attempts_max: int = ATTEMPTS_MAX,
        transactions_max: int = TRANSACTIONS_MAX,
    ) -> None:
        self._committing = committing
        self._monotonic = (clock or SystemClock()).monotonic
        self._dice = dice or system_dice()
        self._attempts_max = attempts_max
        self._room = asyncio.Semaphore(transactions_max)
        self._closed = False

    @abstractmethod
    def _begin(self) -> BufferedTransaction:
        """A fresh transaction."""

    async def transact(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body`, commit, return its result once durable. Raises what it raises, and what store.py says."""
        async with self._room:
            for attempt in range(self._attempts_max):
                self._check_open()
                transaction = self._begin()
                try:
                    result = await body(transaction)
                    changes = transaction.changes()
                    if changes is not None:
                        self._check_open()
                        await self._committing.commit(changes)
                    return result
                except Conflict:
                    pass
                finally:
                    transaction.end()
                await asyncio.sleep(self._backoff_s(attempt))
        raise Unavailable("Too much changes at once here; try again.", log=f"{self._attempts_max} conflicts in a row")

    async def close(self) -> None:
        """Finish commits under way and let go. Later calls raise Unavailable."""
        if not self._closed:
            self._closed = True
            await self._committing.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The store is closed.")

    def _backoff_s(self, attempt: int) -> float:
        """Full jitter: anything up to a bound that doubles, so that contenders spread."""
        return min(BACKOFF_FIRST_S * (1 << attempt), BACKOFF_MAX_S) * self._dice.getrandbits(16) / 2**16

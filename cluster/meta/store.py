"""The store interface: ordered keys with serializable transactions.

The law: what `transact` returned is durable; what it raised was not applied (`Unavailable` apart, whose
outcome may be unknown on a networked store, so bodies are idempotent). Limits are FoundationDB's and LMDB's at
once, so that what works on one store works on all.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

KEY_BYTES_MAX: Final = 511  # LMDB's compiled-in limit
VALUE_BYTES_MAX: Final = 100_000  # FoundationDB's
TRANSACTION_BYTES_MAX: Final = 10_000_000  # FoundationDB's: keys and values written, keys read
TRANSACTION_SECONDS_MAX: Final = 5.0  # FoundationDB's read version lives so long
RANGE_ROWS_MAX: Final = 10_000  # one page of a range read
RANGE_BYTES_MAX: Final = 4_000_000  # and its bytes: a page ends after the row that passes this

T = TypeVar("T")
Row = tuple[bytes, bytes]


class Reader(Protocol):
    """Reads. Outside a transaction each call sees the newest durable state."""

    async def get(self, key: bytes) -> bytes | None:
        """The value, or None."""
        ...

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        ...

    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        """Up to `limit` rows with begin <= key < end, in key order (from the end backwards if `reverse`).

        RANGE_ROWS_MAX is the most that `limit` means. May return fewer than `limit` though more exist, but then keys
        and values together pass RANGE_BYTES_MAX, and at least one if any exists; a caller pages on with
        `last key + b"\\0"` as `begin` (or the last key as `end` when reversed) until an empty page, or a short one
        below those bytes.
        """
        ...


class Transaction(Reader, Protocol):
    """Reads see the store as of one moment plus the transaction's own writes; writes land together or not at all.

    A body whose next read cannot be of the moment of the one before is run again.
    """

    def set(self, key: bytes, value: bytes) -> None:
        """Write. Raises TooLarge over the limits."""
        ...

    def clear(self, key: bytes) -> None:
        """Remove; no error where there is none."""
        ...

    def clear_range(self, begin: bytes, end: bytes) -> None:
        """Remove all keys with begin <= key < end."""
        ...

    def add(self, key: bytes, delta: int) -> None:
        """Atomic add: the value is a signed little-endian 64-bit integer, 0 where absent. No read conflict."""
        ...


class Store(Reader, Protocol):
    """A store. One object a process; safe for use from one event loop."""

    async def transact(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body` with a transaction, commit, and return its result once durable.

        `body` is run again when what it read has changed meanwhile (at most a bounded number of times, then
        Unavailable), so it must have no effect but through the transaction. What it raises is raised here
        and nothing is written. Raises StoreFull, Unavailable, TooLarge.
        """
        ...

    async def close(self) -> None:
        """Finish commits under way and let go of the files. Later calls raise Unavailable."""
        ...

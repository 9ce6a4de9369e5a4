"""Where the rows of a segment are read: from the store through a cache, or from memory.

The law: a row never changes, so what is cached is right for ever; a row that is not there any more means that the
segment was merged into another meanwhile (`Lost`), and nothing about its messages is known.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from actors.mailbox.cache import Cache
from actors.search import keys
from actors.search.segment import Name
from cluster.blobs.codec import unpack
from cluster.errors import Trouble
from cluster.meta.store import Reader

ROWS_AT_ONCE: Final = 64  # about 2 MB
_ROW_WEIGHT: Final = 200  # of a row in the cache, besides its bytes

PageCache = Cache[tuple[int, int, Name], bytes]


class Lost(Trouble):
    """The segment is not there any more."""


class Pages(Protocol):
    """A segment's rows."""

    async def get(self, names: Sequence[Name]) -> list[bytes]:
        """Rows, unpacked. Raises Lost, Corrupt, Unavailable."""
        ...

    async def whole(self, kind: bytes, numbers: Sequence[int]) -> bytes:
        """A value that was cut into rows, still packed. Raises Lost, Unavailable."""
        ...


class StorePages:
    """In the store. `cache`: None where rows are read once."""

    def __init__(self, store: Reader, slot: int, account: int, segment: int, cache: PageCache | None) -> None:
        self._store = store
        self._slot = slot
        self._account = account
        self._segment = segment
        self._cache = cache

    async def get(self, names: Sequence[Name]) -> list[bytes]:
        """Rows, unpacked."""
        held = [self._held(name) for name in names]
        missing = [at for at, data in enumerate(held) if data is None]
        for start in range(0, len(missing), ROWS_AT_ONCE):
            some = missing[start : start + ROWS_AT_ONCE]
            for at, stored in zip(some, await self._read([names[at] for at in some]), strict=True):
                data = held[at] = unpack(stored)
                if self._cache is not None:
                    self._cache.put((self._account, self._segment, names[at]), data, len(data) + _ROW_WEIGHT)
        return [data for data in held if data is not None]

    async def whole(self, kind: bytes, numbers: Sequence[int]) -> bytes:
        """A value in pieces. It is cached by who makes something of it."""
        return b"".join(await self._read([(kind, number) for number in numbers]))

    def _held(self, name: Name) -> bytes | None:
        return None if self._cache is None else self._cache.get((self._account, self._segment, name))

    async def _read(self, names: Sequence[Name]) -> list[bytes]:
        rows = [keys.row(self._slot, self._account, self._segment, *name) for name in names]
        found = await self._store.get_many(rows)
        kept = [stored for stored in found if stored is not None]
        if len(kept) < len(found):
            raise Lost("The index is being rebuilt.", log=f"segment {self._segment} of {self._account} was replaced")
        return kept


class MemoryPages:
    """Rows that were just made."""

    def __init__(self, rows: Mapping[Name, bytes]) -> None:
        self._rows = rows

    async def get(self, names: Sequence[Name]) -> list[bytes]:
        """Rows, unpacked."""
        return [unpack(self._rows[name]) for name in names]

    async def whole(self, kind: bytes, numbers: Sequence[int]) -> bytes:
        """A value in pieces."""
        return b"".join([self._rows[kind, number] for number in numbers])

"""Lookups in the server's own store: rows that people edit.

    L name 0 key      a value, after the byte FORMAT

The law: an edit is durable on return, and seen by every gateway after at most the lookup's ttl_s.
"""

import asyncio
from typing import Final

from cluster.errors import Refused, Unavailable
from cluster.lookup.settings import LookupSettings
from cluster.lookup.table import VALUE_CHARACTERS_MAX
from cluster.meta.store import Store, Transaction
from cluster.rules.facts import NOT_THERE, Missing

LETTER: Final = b"L"
FORMAT: Final = b"\1"
NAME_BYTES_MAX: Final = 100
KEY_BYTES_MAX: Final = 400  # with the name and two bytes more below 511
PAGE_MAX: Final = 1_000


class Rows:
    """All lookups of the store, for who edits them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, name: str, key: str) -> str | None:
        """A value. Raises Trouble."""
        try:
            row = _key(name, key)
        except Refused:
            return None  # nobody could have written it
        stored = await self._store.get(row)
        return None if stored is None else stored[1:].decode("utf-8", "replace")

    async def set(self, name: str, key: str, value: str = "") -> None:
        """Write. Raises Refused for what is empty or too long, Trouble."""
        row = _key(name, key)
        if len(value) > VALUE_CHARACTERS_MAX:
            raise Refused(f"A value has at most {VALUE_CHARACTERS_MAX} characters.")

        async def body(transaction: Transaction) -> None:
            transaction.set(row, FORMAT + value.encode("utf-8", "replace"))

        await self._store.transact(body)

    async def remove(self, name: str, key: str) -> bool:
        """Whether it was there. Raises Trouble."""
        row = _key(name, key)

        async def body(transaction: Transaction) -> bool:
            there = await transaction.get(row) is not None
            transaction.clear(row)
            return there

        return await self._store.transact(body)

    async def page(self, name: str, after: str = "", limit: int = PAGE_MAX) -> list[tuple[str, str]]:
        """The rows of a lookup with keys after one, in order. Raises Trouble."""
        head = _head(name)
        begin = head + after.encode() + b"\0" if after else head
        rows = await self._store.range(begin, head[:-1] + b"\1", limit=min(limit, PAGE_MAX))
        return [(key[len(head) :].decode("utf-8", "replace"), row[1:].decode("utf-8", "replace")) for key, row in rows]


class StoreRows:
    """One lookup of the store, as a source."""

    def __init__(self, store: Store, name: str, settings: LookupSettings) -> None:
        self._rows = Rows(store)
        self._name = name
        self._settings = settings

    async def ask(self, key: str) -> str | Missing:
        """The value of a key. Raises Trouble."""
        key = key if self._settings.case_sensitive else key.lower()
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                value = await self._rows.get(self._name, key)
        except TimeoutError:
            raise Unavailable("The store does not answer.", log=f"lookup {self._name}: the store is slow") from None
        return NOT_THERE if value is None else value

    async def close(self) -> None:
        """The store is somebody else's."""


def _head(name: str) -> bytes:
    encoded = name.encode()
    if not encoded or b"\0" in encoded or len(encoded) > NAME_BYTES_MAX:
        raise Refused(f"A lookup's name has 1 to {NAME_BYTES_MAX} bytes.")
    return LETTER + encoded + b"\0"


def _key(name: str, key: str) -> bytes:
    encoded = key.encode("utf-8", "replace")
    if not 0 < len(encoded) <= KEY_BYTES_MAX:
        raise Refused(f"A key has 1 to {KEY_BYTES_MAX} bytes.")
    return _head(name) + encoded

"""Changing and listing the DKIM keys of domains: the part of `Editor` that is about them.

The law: as `Editor`'s; private halves go in and never come out but through `DirectoryClient.signing_keys`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from actors.directory import dkim, domains, rows
from actors.directory.types import DkimKey, DkimState
from cluster.clock import Clock
from cluster.meta.store import Store

R = TypeVar("R")


class KeyEditor:
    """What an operator does with keys. Every method raises NotFound for a domain or key that is not there."""

    _store: Store
    _clock: Clock

    async def add_dkim_key(
        self, domain: str, *, algorithm: str = "", private: bytes = b"", selector: str = "", active: bool = False
    ) -> DkimKey:
        """A new key, made for an algorithm or given (PEM or DER); it waits unless `active`. Raises BadKey, Refused,
        AlreadyExists."""
        # Making or checking an RSA key takes up to half a second of a processor.
        material = await asyncio.to_thread(*((dkim.given, private) if private else (dkim.generate, algorithm)))
        return await self._change(dkim.add, domain, material, self._clock.now_ms(), selector=selector, active=active)

    async def list_dkim_keys(self, domain: str) -> list[DkimKey]:
        """All keys of a domain, in the order of their selectors."""
        return await rows.dkim_keys(self._store, (await domains.named(self._store, domain)).name)

    async def change_dkim_key(self, domain: str, selector: str, state: DkimState) -> DkimKey:
        """Put a key into a state: `dkim.change`."""
        return await self._change(dkim.change, domain, selector, state, self._clock.now_ms())

    async def remove_dkim_key(self, domain: str, selector: str) -> DkimKey:
        """Remove a key that does not sign. Raises Refused."""
        return await self._change(dkim.remove, domain, selector)

    async def rotate_dkim_keys(self, domain: str) -> Sequence[DkimKey]:
        """New keys, waiting, for the algorithms that sign (both, where none does); none where they wait already."""
        due = await dkim.due(self._store, domain)
        return [await self.add_dkim_key(domain, algorithm=algorithm) for algorithm in due]

    async def remove_old_dkim_keys(self, domain: str, before_ms: int) -> Sequence[DkimKey]:
        """Remove keys that were retired before a moment."""
        return await self._change(dkim.remove_old, domain, before_ms)

    async def _change(self, body: Callable[..., Awaitable[R]], *arguments: Any, **settings: Any) -> R:
        """`Editor`'s."""
        raise NotImplementedError

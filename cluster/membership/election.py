"""Who leads: the one whose value is under the leader's key, while its lease lives.

The law: being told that one leads is never enough to write: every change of a leader compares the revision at which it
took the key (`Leadership.compare`), so one who led before changes nothing, however late it learns.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final

import msgspec

from cluster.errors import Unavailable
from cluster.membership.members import Layout, Member
from cluster.membership.registry import Compare, Lease, Registry
from cluster.membership.session import LOOKS_A_TTL, RETRY_S, key_updates, read_member


class Leadership:
    """One term."""

    def __init__(self, compare: Compare, lease: Lease) -> None:
        self.compare: Final = compare
        """To be in `when` of every change."""
        self._lease = lease
        self._lost = asyncio.Event()

    @property
    def holds(self) -> bool:
        """Whether the term goes on, as far as is known here."""
        return not self._lost.is_set() and not self._lease.lost

    async def lost(self) -> None:
        """Returns when the term is over."""
        await self._lost.wait()

    def end(self) -> None:
        """The term is over."""
        self._lost.set()


class Election:
    """A candidate. One term at a time: `async with election.term() as leadership: ...`, again and again."""

    def __init__(self, registry: Registry, layout: Layout, member: Member, *, ttl_s: int) -> None:
        self._registry = registry
        self._key = layout.leader
        self._member = member
        self._ttl_s = ttl_s

    @asynccontextmanager
    async def term(self) -> AsyncIterator[Leadership]:
        """Waits until this candidate leads, however long. It is given up at the end of the block. Raises Refused."""
        leadership, lease = await self._campaign()
        guard = asyncio.create_task(self._guard(leadership, lease))
        try:
            yield leadership
        finally:
            guard.cancel()
            await asyncio.gather(guard, return_exceptions=True)
            leadership.end()
            await lease.revoke()

    async def _campaign(self) -> tuple[Leadership, Lease]:
        while True:
            try:
                if (led := await self._try()) is not None:
                    return led
                await self._wait()
            except Unavailable:
                await asyncio.sleep(RETRY_S)

    async def _try(self) -> tuple[Leadership, Lease] | None:
        """None: another leads. Raises Unavailable."""
        entry = await self._registry.get(self._key)
        if entry is not None:
            holder = read_member(entry)
            if holder is None or not self._is_predecessor(holder):
                return None
            # Our predecessor, or we ourselves, when the answer was lost.
            await self._registry.revoke(holder.lease)
            await self._registry.change({}, deletes=[self._key], when=[Compare(self._key, entry.revision)])
        lease = await self._registry.grant(self._ttl_s)
        value = msgspec.json.encode(msgspec.structs.replace(self._member, lease=lease.id))
        revision: int | None = None
        try:
            revision = await self._registry.change({self._key: value}, when=[Compare(self._key, 0)], lease=lease)
        finally:
            if revision is None:
                await lease.revoke()
        return (Leadership(Compare(self._key, revision), lease), lease) if revision is not None else None

    async def _wait(self) -> None:
        """Until nobody leads, or our predecessor does."""
        async with aclosing(self._registry.watch(self._key)) as watch:
            async for entry, told in key_updates(watch, self._key, self._ttl_s):
                if not told:
                    continue
                if entry is None or ((holder := read_member(entry)) is not None and self._is_predecessor(holder)):
                    return

    async def _guard(self, leadership: Leadership, lease: Lease) -> None:
        """End the term when the key is another's or gone, or the lease is lost."""
        try:
            async with aclosing(self._registry.watch(self._key)) as watch:
                async for entry, told in key_updates(watch, self._key, self._ttl_s / LOOKS_A_TTL):
                    if lease.lost or (told and (entry is None or entry.revision != leadership.compare.revision)):
                        break
        finally:
            leadership.end()

    def _is_predecessor(self, holder: Member) -> bool:
        return holder.name == self._member.name and holder.incarnation <= self._member.incarnation

"""What gateways, delivery workers and operators may ask of the queue.

The law: bodies never change, so they are read from the stores without asking the owner; all else is asked of it.
"""

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import msgspec

from actors.queue import keys
from actors.queue.bodies import Bodies
from actors.queue.listing import together
from actors.queue.types import (
    PAGE_MAX,
    Alter,
    Altered,
    Change,
    Count,
    Due,
    Enqueue,
    Envelope,
    Filter,
    Lent,
    List,
    Listed,
    Notified,
    Owed,
    Queued,
    Read,
    Report,
    Shown,
    Tallied,
    Tally,
    Told,
    Work,
)
from actors.shell.client import Asking
from cluster.blobs.blobs import Blobs
from cluster.blobs.codec import unpack
from cluster.errors import NotFound
from cluster.meta.store import Store
from cluster.placement.slots import SLOTS
from cluster.rpc.service import Calling

ANY = Filter()
Page = TypeVar("Page", Altered, Tallied)


class Progress(msgspec.Struct, frozen=True):
    """How far a walk through all slots is: slots of how many; entries looked at, meant, changed so far."""

    slots: int
    of: int
    seen: int = 0
    meant: int = 0
    changed: int = 0


class QueueClient:
    """Asks the shards, wherever they are. Entries are named by 16 bytes."""

    def __init__(self, calling: Calling, store: Store, blobs: Blobs, bodies: Bodies | None = None) -> None:
        """`bodies`: where what was queued through this client is remembered for who delivers in the same process."""
        self._asking = Asking(calling, "queue")
        self._store = store
        self._blobs = blobs
        self._bodies = bodies

    async def enqueue(
        self, mail: Envelope, idem: bytes, packed: bytes | None, due_ms: int = 0, *, hold: str = ""
    ) -> bytes:
        """Keep mail until it is delivered; its id, once durable. The same `idem` (for a domain) is kept once.

        `packed`: the body by cluster.blobs.codec.pack, up to INLINE_BYTES_MAX; None: the caller has put it into Blobs
        before, from `mail.stored_ms` on. `due_ms`: not before; 0: now. `hold`: who wants it held from the start. Raises
        Refused, Unavailable (then a body in Blobs has to be put again).
        """
        slot = keys.slot_of(mail.domain, idem)
        queued = await self._asking.ask(slot, Enqueue(mail, idem, due_ms, packed, hold), Queued)
        if self._bodies is not None and packed is not None and not queued.again:
            self._bodies.put(queued.id, packed)
        return queued.id

    async def due(
        self, slot: int, limit: int, lease_s: int, *, lane: int = 1, after: bytes = b"", busy: tuple[str, ...] = ()
    ) -> Lent:
        """Borrow up to `limit` (DUE_MAX at most) entries of a lane of a slot that are due, from behind a place of it,
        but none for `busy` destinations. Whose lease ends without a report is lent again. Raises Unavailable."""
        return await self._asking.ask(slot, Due(limit, lease_s, lane, after, busy), Lent)

    async def body(self, work: Work) -> bytes:
        """The message. Raises NotFound (the entry has ended), Corrupt, Unavailable."""
        if not work.mail.inline:
            return await self._blobs.get(work.mail.digest)
        packed = self._bodies.take(work.id) if self._bodies is not None else None
        if packed is None:
            packed = await self._store.get(keys.body(work.id))
        if packed is None:
            raise NotFound("This mail has left the queue.", log=f"no body of queue entry {work.id.hex()}")
        return unpack(packed)

    async def report(
        self,
        work: Work,
        told: tuple[Told, ...],
        *,
        until_ms: int = 0,
        owed: tuple[Owed, ...] = (),
        tried: bool = True,
    ) -> Shown:
        """Tell how an attempt ended for its recipients, once it is certain; what the entry is now, with the notices
        that it owes from now on. `until_ms`: when deferred ones are due. Raises NotFound, Refused, Unavailable."""
        command = Report(work.id, work.attempt, told, until_ms, owed, tried)
        return await self._asking.ask(keys.slot_of_id(work.id), command, Shown)

    async def notified(self, entry: bytes, owed: Owed) -> Shown:
        """A notice is durable: it is owed no more. Raises NotFound, Unavailable."""
        return await self._asking.ask(keys.slot_of_id(entry), Notified(entry, owed), Shown)

    async def read(self, entry: bytes) -> Shown:
        """An entry with its history. Raises NotFound, Refused, Unavailable."""
        return await self._asking.ask(keys.slot_of_id(entry), Read(entry), Shown)

    async def list(self, after: bytes = b"", limit: int = 100, which: Filter = ANY) -> Listed:
        """About `limit` entries after one, in the order of ids; `after` of the answer goes on, empty at the end. Only
        slots that hold something are asked. Raises Refused, Unavailable."""
        found: list[Shown] = []
        async for slot in self._slots(which, keys.slot_of_id(after)):
            place = after if after and keys.slot_of_id(after) == slot else b""
            while True:
                page = await self._asking.ask(slot, List(min(limit, PAGE_MAX), place, which=which), Listed)
                found += page.entries
                if not page.after:
                    break
                place = page.after
                if len(found) >= limit:
                    return Listed(tuple(found), place)
        return Listed(tuple(found))

    async def alter(self, wish: Change, which: Filter = ANY) -> AsyncIterator[Progress]:
        """A wish for all entries that a filter means, a page of a slot at a time, telling how far it is after each.
        Interrupted, it is done for those that were told of; again is harmless. Raises Refused, Unavailable."""
        so_far = Progress(0, 0)
        async for slot, page in self._pages(which, lambda place: Alter(PAGE_MAX, wish, place, which), Altered):
            so_far = Progress(
                slot, SLOTS, so_far.seen + page.seen, so_far.meant + page.meant, so_far.changed + page.changed
            )
            yield so_far
        yield Progress(SLOTS, SLOTS, so_far.seen, so_far.meant, so_far.changed)

    async def tally(self, which: Filter = ANY, *, destinations_max: int = 10_000) -> tuple[Count, ...]:
        """What waits, by destination; above so many destinations the rest is counted under the empty name."""
        counts: dict[str, Count] = {}
        async for _slot, page in self._pages(which, lambda place: Tally(PAGE_MAX, place, which), Tallied):
            for count in page.counts:
                where = count.domain if count.domain in counts or len(counts) < destinations_max else ""
                count = msgspec.structs.replace(count, domain=where)
                counts[where] = together(counts[where], count) if where in counts else count
        return tuple(counts.values())

    async def _pages(
        self, which: Filter, command: Callable[[bytes], msgspec.Struct], reply: type[Page]
    ) -> AsyncIterator[tuple[int, Page]]:
        """Answers to a command for each page of all slots."""
        async for slot in self._slots(which):
            place = b""
            while True:
                page = await self._asking.ask(slot, command(place), reply)
                yield slot, page
                if not page.after:
                    break
                place = page.after

    async def _slots(self, which: Filter, first: int = 0) -> AsyncIterator[int]:
        """The slots from one on that have any row: most have none, and each question to a shard costs it a claim. With
        a domain only its own."""
        if which.domain:
            for own in keys.slots_of(which.domain):
                if own >= first:
                    yield own
            return
        slot: int | None = first
        while slot is not None and slot < SLOTS:
            rows = await self._store.range(*keys.LAYOUT.from_slot(slot), limit=1)
            slot = keys.LAYOUT.slot_of(rows[0][0]) if rows else None
            if slot is not None:
                yield slot
                slot += 1

    async def hold(self, entry: bytes, by: str = "") -> Shown:
        """Lend it to nobody until released. Raises NotFound, Refused (it has ended), Unavailable."""
        return await self.change(Change(entry, "hold", by))

    async def release(self, entry: bytes, by: str = "") -> Shown:
        """End a hold. Raises as `hold`."""
        return await self.change(Change(entry, "release", by))

    async def cancel(self, entry: bytes, by: str = "") -> Shown:
        """Never deliver it; an attempt under way may still. Raises as `hold`."""
        return await self.change(Change(entry, "cancel", by))

    async def retry(self, entry: bytes, by: str = "") -> Shown:
        """Try it now, whatever is known of the destination. Raises as `hold`."""
        return await self.change(Change(entry, "retry", by))

    async def change(self, command: Change) -> Shown:
        """Any wish. Raises as `hold`."""
        return await self._asking.ask(keys.slot_of_id(command.id), command, Shown)

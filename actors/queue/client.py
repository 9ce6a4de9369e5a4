"""What gateways, delivery workers and operators may ask of the queue.

The law: bodies never change, so they are read from the stores without asking the owner; all else is asked of it.
"""

from actors.queue import keys
from actors.queue.types import (
    Change,
    Due,
    Enqueue,
    Envelope,
    Lent,
    List,
    Listed,
    Outcome,
    Queued,
    Read,
    Report,
    Shown,
    Work,
)
from actors.shell.client import Asking
from cluster.blobs.blobs import Blobs
from cluster.blobs.codec import unpack
from cluster.errors import NotFound
from cluster.meta.store import Store
from cluster.placement.slots import SLOTS
from cluster.rpc.service import Calling


class QueueClient:
    """Asks the shards, wherever they are. Entries are named by 16 bytes."""

    def __init__(self, calling: Calling, store: Store, blobs: Blobs) -> None:
        self._asking = Asking(calling, "queue")
        self._store = store
        self._blobs = blobs

    async def enqueue(self, mail: Envelope, idem: bytes, packed: bytes | None, due_ms: int = 0) -> bytes:
        """Keep mail until it is delivered; its id, once durable. The same `idem` (for a domain) is kept once.

        `packed`: the body by cluster.blobs.codec.pack, up to INLINE_BYTES_MAX; None: the caller has put it into Blobs
        before, from `mail.stored_ms` on. `due_ms`: not before; 0: now. Raises Refused, Unavailable (then a body in
        Blobs has to be put again).
        """
        command = Enqueue(mail, idem, due_ms, packed)
        return (await self._asking.ask(keys.slot_of(mail.domain), command, Queued)).id

    async def due(self, slot: int, limit: int, lease_s: int) -> tuple[Work, ...]:
        """Borrow up to `limit` (DUE_MAX at most) entries of a slot that are due. Whose lease ends without a report is
        lent again. Raises Unavailable."""
        return (await self._asking.ask(slot, Due(limit, lease_s), Lent)).work

    async def body(self, work: Work) -> bytes:
        """The message. Raises NotFound (the entry has ended), Corrupt, Unavailable."""
        if not work.mail.inline:
            return await self._blobs.get(work.mail.digest)
        packed = await self._store.get(keys.body(work.id))
        if packed is None:
            raise NotFound("This mail has left the queue.", log=f"no body of queue entry {work.id.hex()}")
        return unpack(packed)

    async def report(self, work: Work, outcome: Outcome, *, until_ms: int = 0, said: str = "") -> Shown:
        """Tell how an attempt ended, once it is certain; what the entry is now. `until_ms`: when a deferred one is due.
        Raises NotFound, Refused, Unavailable."""
        command = Report(work.id, work.attempt, outcome, until_ms, said)
        return await self._asking.ask(keys.slot_of_id(work.id), command, Shown)

    async def read(self, entry: bytes) -> Shown:
        """An entry with its history. Raises NotFound, Refused, Unavailable."""
        return await self._asking.ask(keys.slot_of_id(entry), Read(entry), Shown)

    async def list(self, after: bytes = b"", limit: int = 100, *, domain: str = "", status: str = "") -> Listed:
        """About `limit` entries after one, in the order of ids; `after` of the answer goes on, empty at the end. Only
        slots that hold something are asked, with a domain only its own. Raises Refused, Unavailable."""
        first = keys.slot_of(domain) if domain else keys.slot_of_id(after)
        last = first if domain else SLOTS - 1
        found: list[Shown] = []
        slot = await self._next_slot(first)
        while slot is not None and slot <= last:
            place = after if after and keys.slot_of_id(after) == slot else b""
            while True:
                page = await self._asking.ask(slot, List(limit, place, domain, status), Listed)
                found += page.entries
                if not page.after:
                    break
                place = page.after
                if len(found) >= limit:
                    return Listed(tuple(found), place)
            slot = await self._next_slot(slot + 1)
        return Listed(tuple(found))

    async def _next_slot(self, slot: int) -> int | None:
        """This slot, or the first after it, that has any row: most have none, and each question to a shard costs it
        a claim."""
        rows = await self._store.range(*keys.LAYOUT.from_slot(slot), limit=1)
        return keys.LAYOUT.slot_of(rows[0][0]) if rows else None

    async def hold(self, entry: bytes, by: str = "") -> Shown:
        """Lend it to nobody until released. Raises NotFound, Refused (it has ended), Unavailable."""
        return await self._change(Change(entry, "hold", by))

    async def release(self, entry: bytes, by: str = "") -> Shown:
        """End a hold. Raises as `hold`."""
        return await self._change(Change(entry, "release", by))

    async def cancel(self, entry: bytes, by: str = "") -> Shown:
        """Never deliver it; an attempt under way may still. Raises as `hold`."""
        return await self._change(Change(entry, "cancel", by))

    async def _change(self, command: Change) -> Shown:
        return await self._asking.ask(keys.slot_of_id(command.id), command, Shown)

"""How a message gets into the queue: its bytes once, an entry for each destination.

The law: a large body is durable in Blobs before an entry names it, and the entry says since when, so that the sweeper
cannot have taken it meanwhile.
"""

import asyncio
from concurrent.futures import Executor
from typing import Final, NamedTuple

from msgspec.structs import replace

from actors.queue.checks import BY_BYTES_MAX
from actors.queue.client import QueueClient
from actors.queue.entry import cut
from actors.queue.keys import entry_id
from actors.queue.types import INLINE_BYTES_MAX, Envelope
from cluster.blobs.blobs import Blobs, digest_of
from cluster.blobs.codec import pack
from cluster.clock import Clock

THREADED_ABOVE_BYTES: Final = 128 * 1024  # hashing and packing this much is worth a thread (it drops the GIL)


class Kept(NamedTuple):
    """A body that entries may name. `packed`: it travels with each entry; None: it is in Blobs since `stored_ms`."""

    digest: bytes
    size: int
    packed: bytes | None
    stored_ms: int


class Outbox:
    """Puts messages into the queue."""

    def __init__(self, queue: QueueClient, blobs: Blobs, clock: Clock, threads: Executor | None = None) -> None:
        """`threads`: for large bodies; None: the loop's own."""
        self._queue = queue
        self._blobs = blobs
        self._clock = clock
        self._threads = threads

    async def keep(self, raw: bytes) -> Kept:
        """Hash and pack a message, once for all its entries. Raises Unavailable, StoreFull."""
        if len(raw) < THREADED_ABOVE_BYTES:
            digest, packed = digest_of(raw), pack(raw)
        else:
            digest, packed = await asyncio.get_running_loop().run_in_executor(self._threads, _digest_and_pack, raw)
        if len(packed) <= INLINE_BYTES_MAX:
            return Kept(digest, len(raw), packed, 0)
        started_ms = self._clock.now_ms()
        await self._blobs.put(digest, raw, packed=packed)
        return Kept(digest, len(raw), None, started_ms)

    @staticmethod
    def name_of(domain: str, idem: bytes) -> bytes:
        """The id of the entry that `send` makes for a domain."""
        return entry_id(domain, idem)

    async def send(self, mail: Envelope, kept: Kept, *, idem: bytes, due_ms: int = 0, hold: str = "") -> bytes:
        """Queue the message for one destination; the entry's id, once durable. The same `idem` for a domain queues it
        once. `mail`: its digest, size and times are filled in here. `hold`: who wants it held back until it is
        released. Raises Refused, Unavailable, StoreFull."""
        mail = replace(mail, digest=kept.digest, size=kept.size, stored_ms=kept.stored_ms)
        return await self._queue.enqueue(mail, idem, kept.packed, due_ms, hold=cut(hold, BY_BYTES_MAX))


def _digest_and_pack(raw: bytes) -> tuple[bytes, bytes]:
    return digest_of(raw), pack(raw)

"""The sweeper: takes away messages that no mailbox holds any more, and blobs that no message refers to.

The law: everything waits for the grace time first; whether something is still referred to is asked in the transaction
that removes it; each step can be cut off and done again. A blob leaves the blob store only after a durable note says
so, which a delivery of the same bytes reads before it relies on the blob.

Two may sweep one slot, as while it moves. A step reads and writes the list it works off, the counts and the references
in one transaction: of two that meet, the store lets one through, and the other finds the list shorter. So no claim to
the slot is needed. Nor can a shard come in between: what it refers to has a row, and what is on a list has none, or a
count of further ones that the step reads.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
import structlog

from actors.mailbox import keys
from actors.mailbox.packs import pointer_of
from actors.mailbox.storage import pack_emails, pages_of_range, unpack_emails
from cluster.blobs.blobs import Blobs
from cluster.clock import Clock
from cluster.errors import Trouble, Unavailable
from cluster.meta.store import Store, Transaction

STEP_EMAILS: Final = 200  # of one transaction: about 1.5 kB read each
BLOBS_EVERY_S: Final = 24 * 3600.0  # all blobs are looked at: one range read each
NOTE_KEPT_MS: Final = 24 * 3600 * 1000  # far longer than from storing a blob to the commit that names it


class Sweeper:
    """Sweeps the slots that a process holds, and blobs where it is told to: one process is enough for those."""

    def __init__(self, store: Store, blobs: Blobs, clock: Clock, *, grace_ms: int) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._grace_ms = grace_ms
        self._log = structlog.get_logger()

    async def run(self, slots: Callable[[], Iterable[int]], every_s: float) -> None:
        """Sweep the slots there are then, again and again until cancelled; who has slot 0 also what is in no slot."""
        blobs_at = self._clock.monotonic() + BLOBS_EVERY_S
        while True:
            await asyncio.sleep(every_s)
            try:
                mine = list(slots())
                blobs = 0 in mine
                if blobs and self._clock.monotonic() >= blobs_at:
                    blobs_at += BLOBS_EVERY_S
                    await self.sweep_blobs()
                for slot in mine:
                    await self.sweep_slot(slot)
                if blobs:
                    await self.forget_notes()
            except Trouble as trouble:  # a full disk, say: what is left waits for the next turn
                self._log.warning("mailbox.sweep_failed", why=trouble.log)

    async def sweep_slot(self, slot: int) -> int:
        """Remove what left its last mailbox before the grace time; how many messages went."""
        span = keys.garbage_before(slot, self._clock.now_ms() - self._grace_ms)
        gone = 0
        async for rows in pages_of_range(self._store, *span, limit=100):
            for key, _value in rows:
                try:
                    gone += await self._sweep_list(slot, key)
                except Unavailable:
                    raise
                except Exception as error:  # noqa: BLE001 - what is damaged must not keep all behind it from being swept
                    self._log.error("mailbox.garbage_damaged", slot=slot, key=key.hex(), why=repr(error))
        return gone

    async def sweep_blobs(self) -> int:
        """Remove blobs that no message ever came to refer to (their delivery was cut off); how many went."""
        oldest_ms = self._clock.now_ms() - max(self._grace_ms, NOTE_KEPT_MS)
        gone = 0
        async for info in self._blobs.list():
            if info.stored_ms < oldest_ms:
                gone += await self._remove_blob(info.digest)
        return gone

    async def forget_notes(self) -> None:
        """Drop notes of removals that nobody can still be waiting to read."""
        span = keys.removed_before(self._clock.now_ms() - NOTE_KEPT_MS)
        async for rows in pages_of_range(self._store, *span):

            async def body(transaction: Transaction, rows: list[tuple[bytes, bytes]] = rows) -> None:
                digests = [keys.removed_digest(key) for key, _value in rows]
                notes = await transaction.get_many([keys.blob_removed(digest) for digest in digests])
                for (key, _value), digest, note in zip(rows, digests, notes, strict=True):
                    transaction.clear(key)
                    if note is not None and keys.removed(int.from_bytes(note, "big"), digest) == key:
                        transaction.clear(keys.blob_removed(digest))  # else it is of a later removal

            await self._store.transact(body)

    async def _sweep_list(self, slot: int, key: bytes) -> int:
        account = keys.garbage_account(key)
        gone = 0
        while True:
            step = await self._store.transact(lambda tr: self._step(tr, slot, account, key))
            if step is None:
                return gone
            removed, outside = step
            gone += removed
            for digest in outside:
                await self._remove_blob(digest)

    async def _step(self, tr: Transaction, slot: int, account: int, key: bytes) -> tuple[int, list[bytes]] | None:
        """Work off the head of a list; how many messages went, and blobs outside the store that may go."""
        stored = await tr.get(key)
        if stored is None:
            return None
        emails = unpack_emails(stored)
        now, later = emails[:STEP_EMAILS], emails[STEP_EMAILS:]
        if later:
            tr.set(key, pack_emails(np.array(later)))
        else:
            tr.clear(key)
        gone, outside = 0, []
        for email in now:
            copies = keys.copies(slot, account, email)
            if int.from_bytes(await tr.get(copies) or b"", "little"):
                tr.add(copies, -1)
                continue
            digest = await _remove_message(tr, slot, account, email)
            gone += 1
            if digest is not None:
                outside.append(digest)
        return gone, outside

    async def _remove_blob(self, digest: bytes) -> bool:
        async def note(tr: Transaction) -> bool:
            if await tr.range(*keys.blob_refs(digest), limit=1):
                return False
            now_ms = self._clock.now_ms()
            tr.set(keys.blob_removed(digest), now_ms.to_bytes(8, "big"))
            tr.set(keys.removed(now_ms, digest), b"")
            return True

        unreferred = await self._store.transact(note)
        if unreferred:
            await self._blobs.delete(digest)
        return unreferred


async def _remove_message(tr: Transaction, slot: int, account: int, email: int) -> bytes | None:
    """Clear a message and, with its last reference, its inline blob; the digest of one that is elsewhere."""
    key = keys.message(slot, account, email)
    stored = await tr.get(key)
    tr.clear(key)
    tr.clear(keys.copies(slot, account, email))
    if stored is None:
        return None
    inline, digest = bool(stored[1]), stored[2:34]
    tr.clear(keys.blob_ref(digest, account, email))
    if await tr.range(*keys.blob_refs(digest), limit=1):
        return None
    if inline:
        await _forget_small(tr, digest)
        return None
    return digest


async def _forget_small(tr: Transaction, digest: bytes) -> None:
    """Clear a small blob, or the pointer to it: then its pack has less that is pointed at."""
    stored = await tr.get(keys.blob(digest))
    pointer = pointer_of(stored) if stored is not None else None
    if pointer is not None:
        tr.add(keys.pack_live(pointer.pack), -pointer.length)
    tr.clear(keys.blob(digest))
    tr.clear(keys.blob_seen(digest))

"""The pack sweeper: removes packs that nothing points at, and rewrites those of which little is pointed at.

The law: a pack's object goes only after its record says GONE for the grace time, and GONE is written only when nothing
points at it and nothing can any more: a closed pack is never pointed at anew, so one look at each of its blobs after
the closing proves it. The count of bytes pointed at is never too low (mail that is stored again takes a pointer's place
without counting it off), so 0 is a proof too, and anything else a hint; each pack is looked through now and then.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import structlog

from actors.mailbox import keys
from actors.mailbox.packing import CLOSED, GONE, OPEN, STEP_BLOBS, Move, PackRecord, decode_record, write_pack
from actors.mailbox.packs import PACK_ID_BYTES, PREFIX, Entry, Pointer, entries_of, name_of, pack_of
from actors.mailbox.storage import pages_of_range
from cluster.blobs.objects import Objects
from cluster.clock import Clock, Dice
from cluster.errors import Corrupt, NotFound, Trouble
from cluster.meta.store import Store, Transaction

LOOKED_THROUGH_MS: Final = 30 * 86_400_000  # about one read of all blobs a month
ORPHANS_EVERY_S: Final = 24 * 3600.0  # the list of all packs


class _Closed(NamedTuple):
    """A pack that is being emptied."""

    pack: bytes
    record: PackRecord
    entries: list[Entry]


class PackSweeper:
    """One is enough; several do no harm."""

    def __init__(
        self, store: Store, packs: Objects, clock: Clock, dice: Dice, *, grace_ms: int, pack_bytes: int
    ) -> None:
        self._store = store
        self._packs = packs
        self._clock = clock
        self._dice = dice
        self._grace_ms = grace_ms
        self._pack_bytes = pack_bytes
        self._closed: list[_Closed] = []
        self._moves: list[Move] = []
        self._log = structlog.get_logger()

    async def run(self, every_s: float, sweeps: Callable[[], bool] = lambda: True) -> None:
        """Sweep again and again, whenever `sweeps` says that this process shall, until cancelled."""
        orphans_at = self._clock.monotonic() + ORPHANS_EVERY_S
        while True:
            await asyncio.sleep(every_s)
            if not sweeps():
                continue
            try:
                await self.sweep()
                if self._clock.monotonic() >= orphans_at:
                    orphans_at += ORPHANS_EVERY_S
                    await self.sweep_orphans()
            except Trouble as trouble:  # what is left waits for the next turn
                self._log.warning("mailbox.pack_sweep_failed", why=trouble.log)

    async def sweep(self) -> int:
        """One look at all records of packs; how many packs were removed."""
        self._closed, self._moves = [], []
        removed = 0
        async for rows in pages_of_range(self._store, *keys.packs()):
            for key, value in rows:
                pack, part = keys.pack_part(key)
                if part != 0:
                    continue
                try:
                    removed += await self._look_at(pack, decode_record(value))
                except (Corrupt, NotFound) as trouble:  # nothing else is wrong because this one is
                    self._log.error("mailbox.pack_damaged", pack=pack.hex(), why=trouble.log)
        await self._empty()
        return removed

    async def sweep_orphans(self) -> int:
        """Remove packs that are on no record: their put came late, after they had been given up."""
        gone = 0
        async for info in self._packs.list(PREFIX):
            pack = pack_of(info.name)
            old = info.stored_ms < self._clock.now_ms() - self._grace_ms
            # A record is there before its pack is, and only one that has a record is ever pointed at.
            if pack is not None and old and await self._store.get(keys.pack(pack)) is None:
                await self._packs.delete(info.name)
                gone += 1
        return gone

    async def _look_at(self, pack: bytes, record: PackRecord) -> int:
        age_ms = self._clock.now_ms() - record.since_ms
        if record.state == GONE:
            return await self._remove(pack, record) if age_ms > self._grace_ms else 0
        if record.state == OPEN:
            if age_ms <= self._grace_ms:
                return 0  # it may be in the making
            live = _count(await self._store.get(keys.pack_live(pack)))
            if live <= 0:
                await self._change(pack, record, GONE, only_empty=True)
                return 0
            if live * 2 >= record.size and age_ms < LOOKED_THROUGH_MS:
                return 0
        await self._look_through(pack, record)
        return 0

    async def _look_through(self, pack: bytes, record: PackRecord) -> None:
        data = await self._packs.get(name_of(pack))
        entries = entries_of(data)
        if record.state == OPEN:
            live = await self._pointed_at(pack, entries)
            enough = sum(entry.length for entry in live) * 2 >= record.size
            changed = await self._change(pack, record, OPEN if enough else CLOSED)
            if enough or changed is None:
                return
            record = changed
        live = await self._pointed_at(pack, entries)  # from now on there can only be fewer
        self._closed.append(_Closed(pack, record, live))
        for digest, offset, length in live:
            pointer = Pointer(pack, offset, length).encode()
            self._moves.append(Move(digest, pointer, data[offset : offset + length]))
        if sum(len(move.packed) for move in self._moves) >= self._pack_bytes:
            await self._empty()

    async def _empty(self) -> None:
        """Move what is still wanted of the closed packs into one pack."""
        closed, moves = self._closed, self._moves
        self._closed, self._moves = [], []
        if moves:
            pack = self._dice.randbytes(PACK_ID_BYTES)
            await write_pack(self._store, self._packs, pack, self._clock.now_ms(), moves)
        for one in closed:
            if not await self._pointed_at(one.pack, one.entries):
                await self._change(one.pack, one.record, GONE)

    async def _pointed_at(self, pack: bytes, entries: Sequence[Entry]) -> list[Entry]:
        found = []
        for start in range(0, len(entries), STEP_BLOBS):
            chosen = entries[start : start + STEP_BLOBS]
            values = await self._store.get_many([keys.blob(entry.digest) for entry in chosen])
            found += [
                entry
                for entry, value in zip(chosen, values, strict=True)
                if value == Pointer(pack, entry.offset, entry.length).encode()
            ]
        return found

    async def _change(
        self, pack: bytes, record: PackRecord, state: int, *, only_empty: bool = False
    ) -> PackRecord | None:
        """The new record; None where another was quicker."""
        changed = PackRecord(state, self._clock.now_ms(), record.size)

        async def body(tr: Transaction) -> PackRecord | None:
            if await tr.get(keys.pack(pack)) != record.encode():
                return None
            if only_empty and _count(await tr.get(keys.pack_live(pack))) > 0:
                return None
            tr.set(keys.pack(pack), changed.encode())
            return changed

        return await self._store.transact(body)

    async def _remove(self, pack: bytes, record: PackRecord) -> int:
        await self._packs.delete(name_of(pack))

        async def forget(tr: Transaction) -> int:
            if await tr.get(keys.pack(pack)) != record.encode():
                return 0
            tr.clear(keys.pack(pack))
            tr.clear(keys.pack_live(pack))
            return 1

        return await self._store.transact(forget)


def _count(stored: bytes | None) -> int:
    return int.from_bytes(stored or b"", "little", signed=True)

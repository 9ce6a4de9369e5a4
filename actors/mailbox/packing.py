"""The packer: moves small blobs that have been in the store for long into packs, and puts pointers in their place.

The law: a pack is durable, and on record, before anything points into it. A blob's bytes give way to a pointer only in
a transaction that finds them as they were packed and the pack's record as it was made, so that nobody who removes,
stores again or packs the same meanwhile can be in the way. Present means referred to: the sweeper clears a blob with
its last reference. What is cut off is done again from the start; the pack it leaves behind is swept (pack_sweeper.py).

Delivery writes no time beside a blob, so the packer's first look at one is when its time begins.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import groupby
from typing import Annotated, Final, NamedTuple

import structlog
from msgspec import Meta, Struct

from actors.mailbox import keys
from actors.mailbox.packs import PACK_ID_BYTES, Entry, Pointer, build, name_of, pointer_of
from cluster.blobs.objects import Objects
from cluster.clock import Clock, Dice
from cluster.errors import Corrupt, Trouble, Unavailable
from cluster.meta.store import Reader, Row, Store, Transaction

WALK_ROWS: Final = 1000
STEP_BLOBS: Final = 100  # of one transaction: up to 64 kB read each
ALL: Final = ((0, 256),)  # the first bytes of all digests

OPEN: Final = 0  # may be pointed at
CLOSED: Final = 1  # nothing new may point at it: what does is moved away
GONE: Final = 2  # nothing points at it, for ever; readers may still be on their way to it

_RECORD: Final = struct.Struct(">BBQI")
_VERSION: Final = 1

Ranges = Callable[[], Iterable[tuple[int, int]]]


class PackingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether and when small messages leave the store for packs: large objects beside the large messages."""

    enabled: Annotated[
        bool, Meta(description="Whether to pack. Turned off, what is packed stays so and is read as ever.")
    ] = False
    cold_after_s: Annotated[
        int,
        Meta(description="How long a message stays in the store at least, from when the packer first saw it.", ge=0),
    ] = 7 * 86_400
    pack_bytes: Annotated[
        int, Meta(description="About how large a pack is.", ge=64 * 1024, le=64 * 1024 * 1024)
    ] = 12 * 1024 * 1024  # fmt: skip
    every_s: Annotated[
        int, Meta(description="How long from one look at all small messages to the next; each reads them all.", ge=1)
    ] = 6 * 3600


class PackRecord(NamedTuple):
    """What the store knows of a pack. `since_ms`: when the state began, or when it was last looked through.

    `size`: bytes of the blobs in it.
    """

    state: int
    since_ms: int
    size: int

    def encode(self) -> bytes:
        """As stored."""
        return _RECORD.pack(_VERSION, *self)


def decode_record(stored: bytes) -> PackRecord:
    """The inverse. Raises Corrupt."""
    if len(stored) != _RECORD.size or stored[0] != _VERSION:
        raise Corrupt("Stored messages are damaged.", log=f"pack record {stored!r}")
    return PackRecord(*_RECORD.unpack(stored)[1:])


class Blob(NamedTuple):
    """What stands in the store for a blob: its value, and when the packer first saw it there."""

    digest: bytes
    stored: bytes
    seen_ms: int | None


class Move(NamedTuple):
    """A blob on its way into a pack: what must still stand in the store, and its bytes."""

    digest: bytes
    expected: bytes
    packed: bytes


async def walk(reader: Reader, first: int, below: int) -> AsyncIterator[list[Blob]]:
    """The small blobs whose digest's first byte is in the range, page by page."""
    begin, end = keys.blobs_from(first), keys.blobs_from(below)
    held: list[Row] = []  # of a blob that may go on
    while rows := await reader.range(begin, end, limit=WALK_ROWS):
        groups = [
            (digest, list(group)) for digest, group in groupby(held + rows, lambda row: keys.blob_part(row[0])[0])
        ]
        digest, held = groups.pop()
        yield _blobs(groups)
        _digest, part = keys.blob_part(rows[-1][0])
        # Thousands may refer to one blob; the rest of them tells nothing.
        begin = keys.blob_removed(digest) if part == 1 else rows[-1][0] + b"\0"
        held = [row for row in held if keys.blob_part(row[0])[1] != 1] or rows[-1:]
    yield _blobs([(keys.blob_part(held[0][0])[0], held)] if held else [])


def _blobs(groups: Sequence[tuple[bytes, Sequence[Row]]]) -> list[Blob]:
    blobs = []
    for digest, rows in groups:
        values = {keys.blob_part(key)[1]: value for key, value in rows}
        if 0 in values:
            blobs.append(Blob(digest, values[0], int.from_bytes(values[3], "big") if 3 in values else None))
    return blobs


async def write_pack(store: Store, packs: Objects, pack: bytes, now_ms: int, moves: Sequence[Move]) -> int:
    """Make a pack of these and point at it; how many bytes moved. Raises Unavailable, StoreFull."""
    data, entries = build((move.digest, move.packed) for move in moves)
    record = PackRecord(OPEN, now_ms, sum(entry.length for entry in entries)).encode()

    async def intend(tr: Transaction) -> None:
        tr.set(keys.pack(pack), record)

    await store.transact(intend)
    await packs.put(name_of(pack), data)
    moved = 0
    for start in range(0, len(moves), STEP_BLOBS):
        chosen = list(zip(moves[start : start + STEP_BLOBS], entries[start : start + STEP_BLOBS], strict=True))
        moved += await store.transact(lambda tr, chosen=chosen: _point(tr, pack, record, chosen))  # type: ignore[misc]
    return moved


async def _point(tr: Transaction, pack: bytes, record: bytes, chosen: Sequence[tuple[Move, Entry]]) -> int:
    if await tr.get(keys.pack(pack)) != record:
        raise Unavailable("Try again.", log=f"pack {pack.hex()} was given up while it was made")
    values = await tr.get_many([keys.blob(move.digest) for move, _entry in chosen])
    moved = 0
    for (move, entry), value in zip(chosen, values, strict=True):
        if value != move.expected:
            continue
        tr.set(keys.blob(move.digest), Pointer(pack, entry.offset, entry.length).encode())
        tr.clear(keys.blob_seen(move.digest))
        moved += entry.length
    tr.add(keys.pack_live(pack), moved)
    return moved


class Packer:
    """Packs the blobs of some digests. Several at the same do no harm, only work for nothing."""

    def __init__(self, store: Store, packs: Objects, clock: Clock, dice: Dice, settings: PackingSettings) -> None:
        self._store = store
        self._packs = packs
        self._clock = clock
        self._dice = dice
        self._settings = settings
        self._log = structlog.get_logger()

    async def run(self, ranges: Ranges) -> None:
        """Look and pack again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.every_s)
            try:
                moved = await self.pack_cold(ranges())
                self._log.info("mailbox.packed", bytes=moved)
            except Trouble as trouble:  # what is left waits for the next turn
                self._log.warning("mailbox.packing_failed", why=trouble.log)

    async def pack_cold(self, ranges: Iterable[tuple[int, int]] = ALL) -> int:
        """One look at all blobs in the ranges (of a digest's first byte); how many bytes went into packs.

        Too few for a good pack wait for more.
        """
        batch: list[Move] = []
        size = moved = 0
        for first, below in ranges:
            async for page in walk(self._store, first, below):
                inline = [blob for blob in page if pointer_of(blob.stored) is None]
                await self._mark([blob.digest for blob in inline if blob.seen_ms is None])
                for blob in filter(self._is_cold, inline):
                    batch.append(Move(blob.digest, blob.stored, blob.stored))
                    size += len(blob.stored)
                    if size >= self._settings.pack_bytes:
                        moved += await self._pack(batch)
                        batch, size = [], 0
        if size >= self._settings.pack_bytes // 2:
            moved += await self._pack(batch)
        return moved

    def _is_cold(self, blob: Blob) -> bool:
        oldest_ms = self._clock.now_ms() - self._settings.cold_after_s * 1000
        return blob.seen_ms is not None and blob.seen_ms <= oldest_ms

    async def _mark(self, digests: Sequence[bytes]) -> None:
        now = self._clock.now_ms().to_bytes(8, "big")
        for start in range(0, len(digests), STEP_BLOBS):
            chosen = digests[start : start + STEP_BLOBS]

            async def body(tr: Transaction, chosen: Sequence[bytes] = chosen) -> None:
                values = await tr.get_many([keys.blob(digest) for digest in chosen])
                for digest, value in zip(chosen, values, strict=True):
                    if value is not None and pointer_of(value) is None:  # else the mark would stay for ever
                        tr.set(keys.blob_seen(digest), now)

            await self._store.transact(body)

    async def _pack(self, moves: Sequence[Move]) -> int:
        pack = self._dice.randbytes(PACK_ID_BYTES)
        return await write_pack(self._store, self._packs, pack, self._clock.now_ms(), moves)

"""Blobs that are too large for memory: uploads while they come, and what is downloaded while it goes.

The law: of a large blob a few pieces are in memory, the rest is in a file without a name (cluster/blobs/spool.py); it
is whole and checked before its first octet goes out. Who may read what is gateway/jmap/blobs.py's to say, in the same
words. A part within a part, and what stands inline in the store, are read whole.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final

from cluster.blobs.checks import on_disk
from cluster.blobs.spool import PIECE_BYTES, Spool
from cluster.errors import NotFound
from gateway.jmap import blobs, uploads
from gateway.jmap.parts import Services
from gateway.jmap.turn import Reached, Turn
from mail.jmap.email.bodies import part_at
from mail.message.content import undone_pieces
from mail.message.part import IDENTITY, Part

SMALL_BYTES: Final = 1024 * 1024  # what has no more is in memory


@dataclass(frozen=True, slots=True)
class Span:
    """What is between two places of a spool, which is its reader's to close."""

    spool: Spool
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    async def pieces(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Some of it, by its own places."""
        for at in range(self.start + start, self.start + end, PIECE_BYTES):
            yield await on_disk(self.spool.read, at, min(PIECE_BYTES, self.start + end - at))


async def opened(turn: Turn, reached: Reached, blob: str) -> Span | None:
    """A blob, if it is a large one that who asks may read; else blobs.read says what it is."""
    if blobs.BLOB.fullmatch(blob) is None:
        return None
    whole, _, place = blob.partition("-")
    email = blobs.email_of(reached, whole)
    services = turn.services
    try:
        if email is None:
            upload = None if place else await uploads.find(services, turn.account, whole)
            if upload is None or upload.size <= SMALL_BYTES:
                return None
            return _whole(await services.mail.kept_spool(bytes.fromhex(whole[1:])))
        if email not in (await turn.sight(reached)).find([email]):
            return None
        (message,) = await services.mail.messages(reached.number, [email])
        if message is None or message.inline or message.record.size <= SMALL_BYTES:
            return None
        part = _part(message.record.root, place) if place else None
        if place and part is None:
            return None
        spool = await services.mail.kept_spool(message.digest)
    except NotFound:  # swept meanwhile
        return None
    return _whole(spool) if part is None else await _within(services, spool, part)


def _part(root: Part, place: str) -> Part | None:
    return None if "-" in place else part_at(root, int(place, 16))


def _whole(spool: Spool) -> Span:
    return Span(spool, 0, spool.size)


async def _within(services: Services, spool: Spool, part: Part) -> Span:
    """The part, decoded: as it stands where its encoding changes nothing."""
    end = min(part.end, spool.size)
    if part.encoding in IDENTITY:
        return Span(spool, part.body, end)
    with spool:
        decoded = services.mail.spool()
        try:
            await on_disk(_fill, decoded, undone_pieces(spool.pieces(part.body, end), part.encoding))
        except BaseException:
            decoded.close()
            raise
    return _whole(decoded)


def _fill(spool: Spool, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        spool.add(piece)


async def received(services: Services, pieces: AsyncIterator[bytes]) -> bytes | Spool:
    """All that comes: in memory if it is small, else in a spool, which is the caller's to close. Raises StoreFull,
    Unavailable, and what `pieces` raises."""
    held: list[bytes] = []
    size, spool = 0, None
    try:
        async for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size > (SMALL_BYTES if spool is None else PIECE_BYTES):
                spool = spool or services.mail.spool()
                await on_disk(_fill, spool, iter(held))
                held.clear()
                size = 0
        if spool is None:
            return b"".join(held)
        await on_disk(_fill, spool, iter(held))
    except BaseException:
        if spool is not None:
            await asyncio.to_thread(spool.close)
        raise
    return spool

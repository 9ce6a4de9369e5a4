"""What every blob adapter checks alike, and does alike with spools.

The law: no byte leaves an adapter under a digest that is not its own: a spool is checked whole before it is given out.
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from cluster.blobs.blobs import BLOB_BYTES_MAX, DIGEST_BYTES, digest_of
from cluster.blobs.codec import Source, pack_pieces, unpack_into
from cluster.blobs.spool import Reading, Spool
from cluster.errors import Corrupt, NotFound, StoreFull, TooLarge, Trouble, Unavailable

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Result = TypeVar("Result")


def check_put(digest: bytes, size: int) -> None:
    """Raise TooLarge unless this may be stored. That the digest is the data's own is the caller's word."""
    if len(digest) != DIGEST_BYTES or size > BLOB_BYTES_MAX:
        raise TooLarge(f"A message has up to {BLOB_BYTES_MAX} bytes.", log=f"digest of {len(digest)}, {size} bytes")


def check_got(digest: bytes, data: bytes) -> bytes:
    """The data, if it is the digest's. Raises Corrupt. Costs 0.6 ms a megabyte where the processor knows SHA."""
    _check(digest, digest_of(data))
    return data


def _check(digest: bytes, found: bytes) -> None:
    if found != digest:
        raise Corrupt("A stored message is damaged.", log=f"blob {digest.hex()} has other bytes than were stored")


def unpacked(digest: bytes, stored: Source, directory: Path | None = None) -> Spool:
    """A spool of the data that is stored so, if it is the digest's. Raises Corrupt, OSError. For threads."""
    found = Spool(directory)
    try:
        unpack_into(found, stored)
        _check(digest, found.digest)
    except BaseException:
        found.close()
        raise
    return found


def new_spool(directory: Path | None = None) -> Spool:
    """A spool. Raises StoreFull, Unavailable."""
    try:
        return Spool(directory)
    except OSError as error:
        raise disk_trouble(error) from error


@asynccontextmanager
async def packed_spool(data: Spool) -> AsyncIterator[Spool]:
    """What is to be stored of a spool. Raises StoreFull, Unavailable."""

    def fill() -> None:
        for piece in pack_pieces(data):
            packed.add(piece)

    with new_spool() as packed:
        await on_disk(fill)
        yield packed


async def unpacked_spool(digest: bytes, pieces: AsyncIterator[bytes]) -> Spool:
    """The data that is stored in these pieces. Raises Corrupt, StoreFull, Unavailable, and what `pieces` raises."""
    with new_spool() as stored:
        async for piece in pieces:
            await on_disk(stored.add, piece)
        return await on_disk(unpacked, digest, Reading(stored))


async def on_disk(work: Callable[..., Result], *arguments: Any) -> Result:
    """Something done with a spool, in a thread. Raises StoreFull, Unavailable."""
    try:
        return await asyncio.to_thread(work, *arguments)
    except OSError as error:
        raise disk_trouble(error) from error


def disk_trouble(error: OSError) -> Trouble:
    """What an error of the disk is for the one who asked."""
    if error.errno in _FULL:
        return StoreFull("The disk for messages is full.", log=str(error))
    return Unavailable("The message store does not answer.", log=str(error))


def not_found(digest: bytes) -> NotFound:
    """The error for a blob that is not there."""
    return NotFound("The message's text is not stored here.", log=f"no blob {digest.hex()}")

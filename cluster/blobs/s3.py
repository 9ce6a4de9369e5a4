"""Blobs as objects: one each, named by the digest, stored packed.

The law: what has a blob's name is that blob or nothing, so a put may be skipped where one of its size is there. It is
skipped only if that one was stored lately: an older one is stored again, which renews its time and mends it. That it
may be swept between the look and the commit that names it is the sweeper's note to prevent (actors/mailbox/sweeper.py),
as it is for a put that was not skipped.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final

from cluster.blobs.blobs import BlobInfo
from cluster.blobs.checks import (
    check_got,
    check_put,
    new_spool,
    not_found,
    packed_spool,
    unpacked_spool,
)
from cluster.blobs.codec import pack, unpack
from cluster.blobs.objects import Objects
from cluster.blobs.spool import Spool
from cluster.clock import Clock, SystemClock
from cluster.errors import NotFound

PREFIX: Final = "blobs/"
RENEWED_MS: Final = 3600_000  # an hour is nothing beside the sweeper's day, and most copies come within it
THREADED_FROM_BYTES: Final = 128 * 1024  # packing and hashing this much is worth a thread
READ_BYTES: Final = 4 * 1024 * 1024  # of a blob that goes into a spool, with each call
_NAME: Final = re.compile(rf"{PREFIX}[0-9a-f]{{2}}/[0-9a-f]{{2}}/([0-9a-f]{{64}})")


class ObjectBlobs:
    """Blobs in a place for objects. Several processes may use it at once."""

    def __init__(self, objects: Objects, *, clock: Clock | None = None, renewed_ms: int = RENEWED_MS) -> None:
        """The objects stay the caller's to close. `renewed_ms`: how old a blob's time may be and still be left."""
        self._objects = objects
        self._clock = clock or SystemClock()
        self._renewed_ms = renewed_ms

    async def put(self, digest: bytes, data: bytes, *, packed: bytes | None = None) -> None:
        """Store under the digest; durable on return. Raises StoreFull, Unavailable, Misconfigured, TooLarge."""
        check_put(digest, len(data))
        if packed is None:
            packed = await asyncio.to_thread(pack, data) if len(data) >= THREADED_FROM_BYTES else pack(data)
        if not await self._is_there(digest, len(packed)):
            await self._objects.put(_name(digest), packed)

    async def get(self, digest: bytes) -> bytes:
        """The bytes. Raises NotFound, Corrupt, Unavailable, Misconfigured."""
        try:
            packed = await self._objects.get(_name(digest))
        except NotFound as error:
            raise not_found(digest) from error
        if len(packed) < THREADED_FROM_BYTES:
            return check_got(digest, unpack(packed))
        return await asyncio.to_thread(lambda: check_got(digest, unpack(packed)))

    def spool(self) -> Spool:
        """A place for large bytes. Raises StoreFull, Unavailable."""
        return new_spool()

    async def put_spool(self, data: Spool) -> None:
        """Store what is in a spool; durable on return. Raises as `put`."""
        digest = data.digest
        check_put(digest, data.size)
        async with packed_spool(data) as packed:
            if not await self._is_there(digest, packed.size):
                await self._objects.put_spool(_name(digest), packed)

    async def get_spool(self, digest: bytes) -> Spool:
        """The bytes. Raises as `get`, and StoreFull."""

        async def pieces() -> AsyncIterator[bytes]:
            at = 0
            try:
                while piece := await self._objects.get(_name(digest), at, READ_BYTES):
                    at += len(piece)
                    yield piece
            except NotFound as error:
                raise not_found(digest) from error

        return await unpacked_spool(digest, pieces())

    async def delete(self, digest: bytes) -> None:
        """Remove; no error where there is none."""
        await self._objects.delete(_name(digest))

    async def list(self) -> AsyncIterator[BlobInfo]:
        """All blobs."""
        async for info in self._objects.list(PREFIX):
            if name := _NAME.fullmatch(info.name):
                yield BlobInfo(bytes.fromhex(name[1]), info.stored_ms)

    async def close(self) -> None:
        """Nothing to let go of: the objects are the caller's."""

    async def _is_there(self, digest: bytes, size: int) -> bool:
        there = await self._objects.head(_name(digest))
        return there is not None and there.size == size and not self._is_old(there.stored_ms)

    def _is_old(self, stored_ms: int) -> bool:
        return self._clock.now_ms() - stored_ms >= self._renewed_ms


def _name(digest: bytes) -> str:
    text = digest.hex()
    return f"{PREFIX}{text[:2]}/{text[2:4]}/{text}"

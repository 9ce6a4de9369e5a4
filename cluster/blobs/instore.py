"""Blobs in the metadata store, cut into values: for small installations and every kind of store.

    prefix "h" digest              -> head: version, when stored, size, tag, whether complete
    prefix "c" digest tag number   -> one chunk

The law: a blob is there when its head says complete, and the head says so only in or after the transaction of
the last chunk. A blob of several transactions has an incomplete head from the first on, so that the sweeper
sees what a crash left behind. The tag is of the packed bytes: two writers that pack differently do not mix.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import msgspec

from cluster.blobs.blobs import DIGEST_BYTES, BlobInfo
from cluster.blobs.checks import check_got, check_put, new_spool, not_found, packed_spool, unpacked_spool
from cluster.blobs.codec import pack, unpack
from cluster.blobs.spool import Spool
from cluster.clock import Clock, SystemClock
from cluster.errors import Corrupt, Unavailable
from cluster.meta.store import RANGE_BYTES_MAX, TRANSACTION_BYTES_MAX, VALUE_BYTES_MAX, Store, Transaction

CHUNK_BYTES: Final = VALUE_BYTES_MAX
CHUNKS_PER_TRANSACTION: Final = (TRANSACTION_BYTES_MAX // 2) // CHUNK_BYTES  # half: leaves room for others' keys
CHUNKS_PER_READ: Final = RANGE_BYTES_MAX // CHUNK_BYTES
LIST_PAGE: Final = 1000
TAG_BYTES: Final = 8
VERSION: Final = 1


class _Head(msgspec.Struct, array_like=True, frozen=True):
    version: int
    stored_ms: int
    chunks: int
    tag: bytes
    complete: bool


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(_Head)


class InStoreBlobs:
    """Blobs under a prefix of a store, which stays the caller's to close."""

    def __init__(self, store: Store, prefix: bytes, *, clock: Clock | None = None) -> None:
        self._store = store
        self._heads = prefix + b"h"
        self._chunks = prefix + b"c"
        self._clock = clock or SystemClock()

    async def put(self, digest: bytes, data: bytes, *, packed: bytes | None = None) -> None:
        """Store under the digest; durable on return. Raises StoreFull, Unavailable, TooLarge."""
        check_put(digest, len(data))
        if await self._renew(digest):
            return
        packed = packed or pack(data)
        tag = hashlib.sha256(packed).digest()[:TAG_BYTES]

        async def part(at: int, count: int) -> bytes:
            return packed[at : at + count]

        await self._put(digest, tag, len(packed), part)

    async def get(self, digest: bytes) -> bytes:
        """The bytes. Raises NotFound, Corrupt, Unavailable."""
        return check_got(digest, unpack(b"".join([part async for part in self._parts(digest)])))

    def spool(self) -> Spool:
        """A place for large bytes. Raises StoreFull, Unavailable."""
        return new_spool()

    async def put_spool(self, data: Spool) -> None:
        """Store what is in a spool; durable on return. Raises as `put`."""
        digest = data.digest
        check_put(digest, data.size)
        if await self._renew(digest):
            return
        async with packed_spool(data) as packed:

            async def part(at: int, count: int) -> bytes:
                return await asyncio.to_thread(packed.read, at, count)

            await self._put(digest, packed.digest[:TAG_BYTES], packed.size, part)

    async def get_spool(self, digest: bytes) -> Spool:
        """The bytes. Raises as `get`, and StoreFull."""
        return await unpacked_spool(digest, self._parts(digest))

    async def delete(self, digest: bytes) -> None:
        """Remove, whole or begun; no error where there is none."""

        async def body(transaction: Transaction) -> None:
            transaction.clear(self._heads + digest)
            begin = self._chunks + digest
            transaction.clear_range(begin, begin + b"\xff" * (TAG_BYTES + 5))

        await self._store.transact(body)

    async def list(self) -> AsyncIterator[BlobInfo]:
        """All blobs, and those that a crash left incomplete."""
        begin, end = self._heads, self._heads + b"\xff" * (DIGEST_BYTES + 1)
        while rows := await self._store.range(begin, end, limit=LIST_PAGE):
            for key, value in rows:
                head = self._head(value)
                assert head is not None
                yield BlobInfo(key[len(self._heads) :], head.stored_ms)
            begin = rows[-1][0] + b"\0"

    async def close(self) -> None:
        """Nothing to let go of: the store is the caller's."""

    async def _put(self, digest: bytes, tag: bytes, size: int, part: Callable[[int, int], Awaitable[bytes]]) -> None:
        """`part`: of what is stored, so many bytes from a place on."""
        chunks = -(-size // CHUNK_BYTES)
        head = _Head(VERSION, self._clock.now_ms(), chunks, tag, complete=True)
        if chunks > CHUNKS_PER_TRANSACTION:
            await self._begin(digest, head)
        for first in range(0, chunks, CHUNKS_PER_TRANSACTION):
            some = await part(first * CHUNK_BYTES, CHUNKS_PER_TRANSACTION * CHUNK_BYTES)
            cut = [some[at : at + CHUNK_BYTES] for at in range(0, len(some), CHUNK_BYTES)]
            await self._write(digest, head, first, cut)

    async def _parts(self, digest: bytes) -> AsyncIterator[bytes]:
        """What is stored, in its order."""
        head = self._head(await self._store.get(self._heads + digest))
        if head is None or not head.complete:
            raise not_found(digest)
        keys = [self._chunk_key(digest, head.tag, number) for number in range(head.chunks)]
        for first in range(0, len(keys), CHUNKS_PER_READ):
            for part in await self._store.get_many(keys[first : first + CHUNKS_PER_READ]):
                if part is not None:
                    yield part
                elif await self._store.get(self._heads + digest) is None:  # swept while we read
                    raise not_found(digest)
                else:
                    raise Corrupt("A stored message is damaged.", log=f"blob {digest.hex()} lacks chunks")

    async def _renew(self, digest: bytes) -> bool:
        """Whether the blob is there already; then it counts as stored now."""

        async def body(transaction: Transaction) -> bool:
            head = self._head(await transaction.get(self._heads + digest))
            if head is None or not head.complete:
                return False
            transaction.set(
                self._heads + digest, _encode(msgspec.structs.replace(head, stored_ms=self._clock.now_ms()))
            )
            return True

        return await self._store.transact(body)

    async def _begin(self, digest: bytes, head: _Head) -> None:
        async def body(transaction: Transaction) -> None:
            there = self._head(await transaction.get(self._heads + digest))
            if there is None or not there.complete:
                transaction.set(self._heads + digest, _encode(msgspec.structs.replace(head, complete=False)))

        await self._store.transact(body)

    async def _write(self, digest: bytes, head: _Head, first: int, chunks: Sequence[bytes]) -> None:
        """One transaction of chunks; the last one makes the blob visible."""
        is_last = first + len(chunks) == head.chunks

        async def body(transaction: Transaction) -> None:
            there = await transaction.get(self._heads + digest)
            if head.chunks > CHUNKS_PER_TRANSACTION and there is None:
                raise Unavailable("Try again.", log=f"blob {digest.hex()} was swept while it was stored")
            for number, chunk in enumerate(chunks, first):
                transaction.set(self._chunk_key(digest, head.tag, number), chunk)
            if is_last:
                transaction.set(self._heads + digest, _encode(head))

        await self._store.transact(body)

    def _chunk_key(self, digest: bytes, tag: bytes, number: int) -> bytes:
        return self._chunks + digest + tag + number.to_bytes(4, "big")

    def _head(self, value: bytes | None) -> _Head | None:
        if value is None:
            return None
        try:
            head = _decoder.decode(value)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Corrupt("A stored message is damaged.", log=f"blob head: {error}") from error
        if head.version != VERSION:
            raise Corrupt("A stored message is of a newer version.", log=f"blob head of version {head.version}")
        return head

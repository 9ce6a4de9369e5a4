"""The blob interface.

The law: nothing references a blob that is not durable, so `put` returns only then; a blob never changes;
deleting is for the sweeper alone, after its grace time.
"""

import hashlib
from collections.abc import AsyncIterator
from typing import Final, NamedTuple, Protocol

from cluster.blobs.spool import Spool

DIGEST_BYTES: Final = 32
BLOB_BYTES_MAX: Final = 256 * 1024 * 1024  # well over any message we accept (its limit is SMTP's SIZE)


def digest_of(data: bytes) -> bytes:
    """The blob's name: SHA-256 of its (uncompressed) bytes, 32 bytes."""
    return hashlib.sha256(data).digest()


class BlobInfo(NamedTuple):
    """One stored blob, as the sweeper sees it."""

    digest: bytes
    stored_ms: int


class Blobs(Protocol):
    """Where large blobs are."""

    async def put(self, digest: bytes, data: bytes, *, packed: bytes | None = None) -> None:
        """Store under the digest; durable on return. Storing again is harmless (and renews `stored_ms`).

        `packed`: what codec.pack makes of the data, from a caller who has it already.
        """
        ...

    async def get(self, digest: bytes) -> bytes:
        """The bytes. Raises NotFound, Corrupt."""
        ...

    def spool(self) -> Spool:
        """A place for large bytes that are still to come. Raises StoreFull, Unavailable."""
        ...

    async def put_spool(self, data: Spool) -> None:
        """`put` of what is in a spool, which stays the caller's to close: a few pieces are in memory, never all."""
        ...

    async def get_spool(self, digest: bytes) -> Spool:
        """`get` into a spool, which is the caller's to close."""
        ...

    async def delete(self, digest: bytes) -> None:
        """Remove; no error where there is none."""
        ...

    def list(self) -> AsyncIterator[BlobInfo]:
        """All blobs in no particular order, bounded memory."""
        ...

    async def close(self) -> None:
        """Let go of resources."""
        ...

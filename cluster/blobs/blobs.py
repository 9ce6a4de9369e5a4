"""The blob interface.

The law: nothing references a blob that is not durable, so `put` returns only then; a blob never changes;
deleting is for the sweeper alone, after its grace time.
"""

import hashlib
from collections.abc import AsyncIterator
from typing import Final, NamedTuple, Protocol

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

    async def delete(self, digest: bytes) -> None:
        """Remove; no error where there is none."""
        ...

    def list(self) -> AsyncIterator[BlobInfo]:
        """All blobs in no particular order, bounded memory."""
        ...

    async def close(self) -> None:
        """Let go of resources."""
        ...

"""The twin: blobs in a dictionary, for tests and the simulator."""

from collections.abc import AsyncIterator

from cluster.blobs.blobs import BlobInfo
from cluster.blobs.checks import check_put, not_found
from cluster.clock import Clock, SystemClock


class MemoryBlobs:
    """Blobs that are gone with the process."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._blobs: dict[bytes, tuple[bytes, int]] = {}

    async def put(self, digest: bytes, data: bytes, *, packed: bytes | None = None) -> None:  # noqa: ARG002
        """Store under the digest. Raises TooLarge."""
        check_put(digest, data)
        self._blobs[digest] = (data, self._clock.now_ms())

    async def get(self, digest: bytes) -> bytes:
        """The bytes. Raises NotFound."""
        if digest not in self._blobs:
            raise not_found(digest)
        return self._blobs[digest][0]

    async def delete(self, digest: bytes) -> None:
        """Remove; no error where there is none."""
        self._blobs.pop(digest, None)

    async def list(self) -> AsyncIterator[BlobInfo]:
        """All blobs there are at the call."""
        for digest, (_, stored_ms) in tuple(self._blobs.items()):
            yield BlobInfo(digest, stored_ms)

    async def close(self) -> None:
        """Nothing to let go of."""

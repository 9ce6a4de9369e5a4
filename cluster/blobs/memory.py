"""The twin: blobs in a dictionary, for tests and the simulator."""

from collections.abc import AsyncIterator

from cluster.blobs.blobs import BlobInfo
from cluster.blobs.checks import check_put, new_spool, not_found
from cluster.blobs.spool import Spool
from cluster.clock import Clock, SystemClock


class MemoryBlobs:
    """Blobs that are gone with the process."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._blobs: dict[bytes, tuple[bytes, int]] = {}

    async def put(self, digest: bytes, data: bytes, *, packed: bytes | None = None) -> None:  # noqa: ARG002
        """Store under the digest. Raises TooLarge."""
        check_put(digest, len(data))
        self._blobs[digest] = (data, self._clock.now_ms())

    async def get(self, digest: bytes) -> bytes:
        """The bytes. Raises NotFound."""
        if digest not in self._blobs:
            raise not_found(digest)
        return self._blobs[digest][0]

    def spool(self) -> Spool:
        """A place for large bytes."""
        return new_spool()

    async def put_spool(self, data: Spool) -> None:
        """Store. Raises TooLarge."""
        check_put(data.digest, data.size)
        await self.put(data.digest, data.read(0, data.size))

    async def get_spool(self, digest: bytes) -> Spool:
        """The bytes. Raises NotFound."""
        found = await self.get(digest)
        spool = new_spool()
        spool.add(found)
        return spool

    async def delete(self, digest: bytes) -> None:
        """Remove; no error where there is none."""
        self._blobs.pop(digest, None)

    async def list(self) -> AsyncIterator[BlobInfo]:
        """All blobs there are at the call."""
        for digest, (_, stored_ms) in tuple(self._blobs.items()):
            yield BlobInfo(digest, stored_ms)

    async def close(self) -> None:
        """Nothing to let go of."""

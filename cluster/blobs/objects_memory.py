"""The twin: objects in a dictionary, for tests and the simulator."""

from collections.abc import AsyncIterator

from cluster.blobs.objects import ObjectInfo, check_object, no_object
from cluster.blobs.spool import Spool
from cluster.clock import Clock, SystemClock


class MemoryObjects:
    """Objects that are gone with the process."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._objects: dict[str, tuple[bytes, int]] = {}

    async def put(self, name: str, data: bytes) -> None:
        """Store. Raises TooLarge."""
        check_object(name, len(data))
        self._objects[name] = (data, self._clock.now_ms())

    async def put_spool(self, name: str, data: Spool) -> None:
        """Store what is in a spool. Raises TooLarge."""
        check_object(name, data.size)
        await self.put(name, data.read(0, data.size))

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """The bytes, or a part of them. Raises NotFound."""
        if name not in self._objects:
            raise no_object(name)
        return self._objects[name][0][start : None if length is None else start + length]

    async def head(self, name: str) -> ObjectInfo | None:
        """What is known of one."""
        if name not in self._objects:
            return None
        data, stored_ms = self._objects[name]
        return ObjectInfo(name, len(data), stored_ms)

    async def delete(self, name: str) -> None:
        """Remove; no error where there is none."""
        self._objects.pop(name, None)

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """All there are at the call."""
        for name, (data, stored_ms) in tuple(self._objects.items()):
            if name.startswith(prefix):
                yield ObjectInfo(name, len(data), stored_ms)

    async def close(self) -> None:
        """Nothing to let go of."""

"""Answers kept for a while, as long as the directory has not changed.

The law: an answer is older than the store by at most CHECK_SECONDS; what is not there is not remembered, so an
account added by another process is found at once; but for who says that half a second does not matter.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, TypeVar

from cluster.clock import Clock

T = TypeVar("T")

CHECK_SECONDS: Final = 0.5  # one small read for each this long, however many answers are given


class Cache:
    """The last used answers, all forgotten when the version changes."""

    def __init__(self, clock: Clock, version: Callable[[], Awaitable[bytes]], entries_max: int) -> None:
        self._clock = clock
        self._read_version = version
        self._entries_max = entries_max
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()
        self._version: bytes | None = None
        self._checked = float("-inf")
        self.generation = 0  # changes whenever all is forgotten

    async def get(self, key: Hashable) -> Any:
        """The answer, or None."""
        if self._version is None:  # nothing can be kept before it is known to what version it belongs
            await self._check()
        if key not in self._entries:
            return None
        if self._clock.monotonic() - self._checked >= CHECK_SECONDS:
            await self._check()
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    async def found(self, key: Hashable, look: Callable[[], Awaitable[T | None]]) -> T | None:
        """The answer, looked up where it is not kept; what is not there (None) is not kept either."""
        kept: T | None = await self.get(key)
        if kept is not None:
            return kept
        generation = self.generation
        answer = await look()
        if answer is not None:
            self.put(key, answer, generation)
        return answer

    def put(self, key: Hashable, answer: Any, generation: int) -> None:
        """Keep an answer. `generation` is from before it was read: an answer overtaken by a change is not kept."""
        if generation != self.generation:
            return
        self._entries[key] = answer
        self._entries.move_to_end(key)
        if len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)

    def forget(self) -> None:
        """Forget all answers."""
        self._entries.clear()
        self.generation += 1

    async def _check(self) -> None:
        self._checked = self._clock.monotonic()
        version = await self._read_version()
        if version != self._version:
            self._version = version
            self.forget()

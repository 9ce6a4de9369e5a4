"""Orders and threads that were worked out before: a client asks for them again and again, and others for the same.

The law: what a message is sorted or threaded by never changes, so an arrangement is right for ever for the messages it
is of, which its key names; they may be fewer or more the next time, and that is another one. What is kept is bounded,
and so is how many are worked out at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Final

import numpy as np

from actors.mailbox.cache import Cache
from gateway.access.parts import Array

KEPT_BYTES: Final = 32 * 1024 * 1024  # eighty orders of 100,000 messages
_AT_ONCE: Final = 2  # of a million messages each takes some 500 MB


class Arrangements:
    """Those of a gateway process."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept: Cache[tuple[object, ...], Array] = Cache(kept_bytes)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def of(self, what: tuple[object, ...], uids: Array, work: Callable[[], Awaitable[Array]]) -> Array:
        """The arrangement of these messages, which `work` makes; `what`: of which mailbox, and which one."""
        asked = (*what, blake2b(np.ascontiguousarray(uids).tobytes(), digest_size=16).digest())
        found = self._kept.get(asked)
        if found is not None:
            return found
        async with self._turns:
            found = self._kept.get(asked)
            if found is None:
                found = await work()
                self._kept.put(asked, found, found.nbytes + 500)
        return found

    async def once(self, work: Callable[[], Awaitable[Array]]) -> Array:
        """One that is not kept."""
        async with self._turns:
            return await work()

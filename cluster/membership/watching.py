"""What a watch holds for its reader: a bounded queue of updates. A reader that falls behind starts over.

The law: at most PENDING_MAX changes wait. When more would, all are dropped, and what comes next is a reset of the time
when the reader came back: an update is never left out without one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cluster.errors import TooLarge, Trouble
from cluster.membership.registry import CHANGES_MAX, VALUE_BYTES_MAX, Snapshot, Update

PENDING_MAX: Final = 1000  # changed keys: a whole slot map is some tens, a cluster's members some hundreds


def check_change(puts: Mapping[str, bytes], deletes: Sequence[str]) -> None:
    """Raises TooLarge for what one change cannot hold, ValueError for a key that is in it twice."""
    if len(puts) + len(deletes) > CHANGES_MAX or sum(map(len, puts.values())) > VALUE_BYTES_MAX:
        raise TooLarge("A change of the registry is too large.", log=f"{len(puts)} puts, {len(deletes)} deletes")
    if len({*puts, *deletes}) < len(puts) + len(deletes):
        raise ValueError("one key twice in one change")


class UpdateQueue:
    """The reader's side is an async iterator (one reader; cancelling a read loses nothing), the other is `offer`."""

    def __init__(self, *, on_wanted: Callable[[], None], on_close: Callable[[], None]) -> None:
        """`on_wanted`: the reader is back after the queue ran over; give it a reset. `on_close`: no more offers."""
        self._updates: deque[Update] = deque()
        self._waiting = 0  # changes in _updates
        self._on_wanted = on_wanted
        self._on_close = on_close
        self._arrived = asyncio.Event()
        self._over = False
        self._closed = False
        self._error: Trouble | None = None

    def __aiter__(self) -> "UpdateQueue":
        return self

    async def __anext__(self) -> Update:
        while not self._updates:
            if self._error is not None:
                raise self._error
            if self._closed:
                raise StopAsyncIteration
            if self._over:
                self._on_wanted()
            self._arrived.clear()
            if not self._updates:
                await self._arrived.wait()
        update = self._updates.popleft()
        self._waiting -= len(update.entries)
        return update

    def offer(self, update: Update) -> bool:
        """Hand over a change. False: it was dropped, a reset has to come after `on_wanted`."""
        if self._over or self._closed:
            return False
        # What the reader has not begun is never too much: an update alone is as large as etcd makes it.
        if self._updates and self._waiting + len(update.entries) > PENDING_MAX:
            self._updates.clear()
            self._waiting = 0
            self._over = True
            return False
        self._append(update)
        return True

    def restart(self, snapshot: Snapshot) -> None:
        """Hand over all there is, in place of everything that waits."""
        self._updates.clear()
        self._waiting = 0
        self._over = False
        if not self._closed:
            self._append(Update(snapshot.revision, snapshot.entries, reset=True))

    def fail(self, error: Trouble) -> None:
        """The reader gets this error, after what waits."""
        self._error = error
        self._arrived.set()

    @property
    def ran_over(self) -> bool:
        """Whether all was dropped and the reader has not come back for more."""
        return self._over

    def forgive(self) -> None:
        """Take offers again; a restart comes first."""
        self._over = False

    async def aclose(self) -> None:
        """End the watch; again is harmless."""
        self.close()

    def close(self) -> None:
        """End the watch, now."""
        if not self._closed:
            self._closed = True
            self._arrived.set()
            self._on_close()

    def _append(self, update: Update) -> None:
        self._updates.append(update)
        self._waiting += len(update.entries)
        self._arrived.set()

"""The twin: a store in memory with the same promises but durability, for tests and the simulator.

No thread and no clock of its own: the order of events is the event loop's, so a run can be replayed.
"""

import asyncio
from bisect import bisect_left, insort
from collections.abc import Sequence

from cluster.clock import Clock, Dice
from cluster.errors import Unavailable
from cluster.meta.engine import Conflict
from cluster.meta.limits import Page, page_of
from cluster.meta.optimistic import OptimisticStore
from cluster.meta.overlay import UNTOUCHED, Overlay
from cluster.meta.transacting import ATTEMPTS_MAX
from cluster.meta.validate import Changes, resolve_adds, still_true, value_over


class _Rows:
    """The newest state."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.keys: list[bytes] = []  # sorted

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.values.get(key) for key in keys]

    def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        low, high = bisect_left(self.keys, begin), bisect_left(self.keys, end)
        where = range(high - 1, low - 1, -1) if reverse else range(low, high)
        return page_of(((key, self.values[key]) for key in (self.keys[at] for at in where)), limit)

    def put(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            if self.values.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]
            return
        if key not in self.values:
            insort(self.keys, key)
        self.values[key] = value

    def keys_between(self, begin: bytes, end: bytes) -> list[bytes]:
        return self.keys[bisect_left(self.keys, begin) : bisect_left(self.keys, end)]


class _Snapshot:
    """The state of an earlier moment: the newest, seen through an overlay that puts back what changed since."""

    def __init__(self, rows: _Rows, held: "set[_Snapshot]") -> None:
        self._rows = rows
        self._held = held
        self._before = Overlay()
        held.add(self)

    def remember(self, key: bytes, value: bytes | None) -> None:
        """Before the row changes: what it was. Only the first change since the snapshot counts."""
        self._before.writes.setdefault(key, value)

    def get(self, key: bytes) -> bytes | None:
        write = self._before.look(key)
        return self._rows.get(key) if write is UNTOUCHED else value_over(write, None)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        return self._before.range(self._rows.range, begin, end, limit, reverse)

    def close(self) -> None:
        self._held.discard(self)


class MemoryEngine(_Rows):
    """The rows, with snapshots and commits."""

    def __init__(self) -> None:
        super().__init__()
        self._held: set[_Snapshot] = set()
        self._closed = False

    def snapshot(self) -> _Snapshot:
        """As of now, held."""
        return _Snapshot(self, self._held)

    async def commit(self, changes: Changes) -> None:
        """Land changes after a turn of the loop. Raises Conflict."""
        await asyncio.sleep(0)  # others run during a commit, as with every real store
        self.land(changes)

    def land(self, changes: Changes) -> None:
        """Validate and apply at once. Raises Conflict, Unavailable when closed."""
        if self._closed:
            raise Unavailable("The store is closed.")
        overlay, (holds,) = still_true(self, [changes])
        if not holds:
            raise Conflict("Changed meanwhile; try again.")
        resolve_adds(self, overlay)
        for begin, end in overlay.cleared:
            for key in self.keys_between(begin, end):
                self._change(key, None)
        for key, write in overlay.writes.items():
            self._change(key, value_over(write, None))

    async def close(self) -> None:
        """Take nothing more."""
        self._closed = True

    def _change(self, key: bytes, value: bytes | None) -> None:
        before = self.values.get(key)
        for snapshot in self._held:
            snapshot.remember(key, before)
        self.put(key, value)


class MemoryStore(OptimisticStore):
    """A store that is gone with the process."""

    def __init__(
        self, *, clock: Clock | None = None, dice: Dice | None = None, attempts_max: int = ATTEMPTS_MAX
    ) -> None:
        super().__init__(MemoryEngine(), clock=clock, dice=dice, attempts_max=attempts_max)

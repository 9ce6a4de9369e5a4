"""When which slots have work: what a deliverer knows of its shard's timers without looking.

The law: one row for each slot and lane, so it is bounded by their number; the earliest time that was told of counts.
Urgent lanes come first, but of any thirteen slots taken while all lanes have work one is of the last.
"""

import heapq
from typing import Final, NamedTuple

from actors.queue.types import BULK, NORMAL, URGENT
from actors.shell.places import place_of, time_of

LANES: Final = (URGENT, NORMAL, BULK)
# 8, 4 and 1 of 13, mixed.
_ORDER: Final = (URGENT, NORMAL, URGENT, URGENT, NORMAL, URGENT, BULK, URGENT, NORMAL, URGENT, URGENT, NORMAL, URGENT)


class Place(NamedTuple):
    """A slot's lane, and from where on there may be work."""

    slot: int
    lane: int
    after: bytes = b""


class Agenda:
    """One a deliverer. Implements actors.shell.kind.Watch by `due`."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, int], bytes] = {}
        self._heaps: dict[int, list[tuple[bytes, int]]] = {lane: [] for lane in LANES}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._places)

    def due(self, slot: int, lane: int, time_ms: int) -> None:
        """A lane of a slot may have something due then."""
        self.add(slot, lane, place_of(time_ms))

    def add(self, slot: int, lane: int, after: bytes) -> None:
        """The same, behind a place in the lane."""
        known = self._places.get((slot, lane))
        if lane not in self._heaps or (known is not None and known <= after):
            return
        self._places[slot, lane] = after
        heap = self._heaps[lane]
        heapq.heappush(heap, (after, slot))
        if len(heap) > 64 + 4 * len(self._places):  # what was replaced by something earlier
            self._heaps[lane] = [row for row in heap if self._places.get((row[1], lane)) == row[0]]
            heapq.heapify(self._heaps[lane])

    def next_ms(self) -> int | None:
        """When the next thing is due; None: never."""
        heads = [self._head(lane) for lane in LANES]
        return min((time_of(head[0]) for head in heads if head is not None), default=None)

    def take(self, now_ms: int, limit: int) -> list[Place]:
        """Up to so many places where something is due; they are known no more."""
        taken: list[Place] = []
        waiting = {lane for lane in LANES if self._is_due(lane, now_ms)}
        while waiting and len(taken) < limit:
            lane = _ORDER[self._turn % len(_ORDER)]
            self._turn += 1
            if lane in waiting:
                after, slot = heapq.heappop(self._heaps[lane])
                del self._places[slot, lane]
                taken.append(Place(slot, lane, after))
                if not self._is_due(lane, now_ms):
                    waiting.discard(lane)
        return taken

    def _is_due(self, lane: int, now_ms: int) -> bool:
        head = self._head(lane)
        return head is not None and time_of(head[0]) <= now_ms

    def _head(self, lane: int) -> tuple[bytes, int] | None:
        heap = self._heaps[lane]
        while heap and self._places.get((heap[0][1], lane)) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0] if heap else None

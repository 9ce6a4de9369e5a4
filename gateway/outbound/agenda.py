"""When which slots have work: what a deliverer knows of its shard's timers without looking.

The law: one row for each slot and lane, so it is bounded by their number; the earliest time that was told of counts.
Urgent lanes come first, but of any thirteen slots taken while all lanes have work one is of the last.
"""

import heapq
from typing import Final, NamedTuple

from actors.queue.types import BULK, NORMAL, URGENT
from actors.shell.places import place_of

LANES: Final = (URGENT, NORMAL, BULK)
# 8, 4 and 1 of 13, mixed.
_ORDER: Final = (URGENT, NORMAL, URGENT, URGENT, NORMAL, URGENT, BULK, URGENT, NORMAL, URGENT, URGENT, NORMAL, URGENT)


class Place(NamedTuple):
    """A slot's lane, and from where on there may be work."""

    slot: int
    lane: int
    after: bytes = b""


class _When(NamedTuple):
    at_ms: int
    after: bytes


class Agenda:
    """One a deliverer. Implements actors.shell.kind.Watch by `due`."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, int], _When] = {}
        self._heaps: dict[int, list[tuple[int, int]]] = {lane: [] for lane in LANES}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._places)

    def due(self, slot: int, lane: int, time_ms: int) -> None:
        """A lane of a slot may have something due then."""
        self.add(Place(slot, lane, place_of(time_ms)), time_ms)

    def add(self, place: Place, at_ms: int) -> None:
        """It is to be looked at then."""
        slot, lane, after = place
        heap, known = self._heaps.get(lane), self._places.get((slot, lane))
        if heap is None:
            return
        new = _When(at_ms, after) if known is None else _When(min(at_ms, known.at_ms), min(after, known.after))
        self._places[slot, lane] = new
        if known is None or new.at_ms < known.at_ms:
            heapq.heappush(heap, (new.at_ms, slot))
        if len(heap) > 64 + 4 * len(self._places):  # what was replaced by something earlier
            self._heaps[lane] = [(when.at_ms, slot) for (slot, of), when in self._places.items() if of == lane]
            heapq.heapify(self._heaps[lane])

    def next_ms(self) -> int | None:
        """When the next thing is due; None: never."""
        heads = [self._head(lane) for lane in LANES]
        return min((head[0] for head in heads if head is not None), default=None)

    def take(self, now_ms: int, limit: int) -> list[Place]:
        """Up to so many places where something is due; they are known no more."""
        taken: list[Place] = []
        waiting = {lane for lane in LANES if self._is_due(lane, now_ms)}
        while waiting and len(taken) < limit:
            lane = _ORDER[self._turn % len(_ORDER)]
            self._turn += 1
            if lane in waiting:
                _at_ms, slot = heapq.heappop(self._heaps[lane])
                taken.append(Place(slot, lane, self._places.pop((slot, lane)).after))
                if not self._is_due(lane, now_ms):
                    waiting.discard(lane)
        return taken

    def _is_due(self, lane: int, now_ms: int) -> bool:
        head = self._head(lane)
        return head is not None and head[0] <= now_ms

    def _head(self, lane: int) -> tuple[int, int] | None:
        heap = self._heaps[lane]
        while heap:
            when = self._places.get((heap[0][1], lane))
            if when is not None and when.at_ms == heap[0][0]:
                return heap[0]
            heapq.heappop(heap)
        return None

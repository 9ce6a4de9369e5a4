"""Units in memory, the longest unused first to go, and a slot's all at once.

The law: it never holds more than its bounds, whatever is put in; what is gone is read from the store again.
"""

from collections import OrderedDict
from typing import Final, Generic, NamedTuple, TypeVar

Unit = TypeVar("Unit")
Place = tuple[int, bytes]  # slot, name
_OVERHEAD_BYTES: Final = 300  # what Python adds to a small unit, about


class _Kept(NamedTuple, Generic[Unit]):
    unit: Unit | None  # None: known not to be there
    size: int


class Cache(Generic[Unit]):
    """Bounded by units and by their stored bytes."""

    def __init__(self, units_max: int, bytes_max: int) -> None:
        self._units_max = units_max
        self._bytes_max = bytes_max
        self._kept: OrderedDict[Place, _Kept[Unit]] = OrderedDict()
        self._slots: dict[int, set[bytes]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, place: Place) -> bool:
        return place in self._kept

    def get(self, place: Place) -> Unit | None:
        """The unit, None where it is known not to be there. Raises KeyError where nothing is known."""
        kept = self._kept[place]
        self._kept.move_to_end(place)
        return kept.unit

    def size(self, place: Place) -> int:
        """The stored bytes that it was put with. Raises KeyError."""
        return self._kept[place].size - _OVERHEAD_BYTES

    def put(self, place: Place, unit: Unit | None, size: int) -> None:
        """Remember, in the place of what was there."""
        self.forget(place)
        size += _OVERHEAD_BYTES
        self._kept[place] = _Kept(unit, size)
        self._slots.setdefault(place[0], set()).add(place[1])
        self._bytes += size
        while len(self._kept) > self._units_max or self._bytes > self._bytes_max:
            self.forget(next(iter(self._kept)))

    def forget(self, place: Place) -> None:
        """Know nothing of it any more."""
        kept = self._kept.pop(place, None)
        if kept is None:
            return
        self._bytes -= kept.size
        names = self._slots[place[0]]
        names.discard(place[1])
        if not names:
            del self._slots[place[0]]

    def forget_slot(self, slot: int) -> None:
        """Know nothing of a slot any more."""
        for name in list(self._slots.get(slot, ())):
            self.forget((slot, name))

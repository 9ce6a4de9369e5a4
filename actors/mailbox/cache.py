"""A cache bounded by weight: what was used longest ago leaves first."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Values with weights (bytes, or 1 each) that together stay within `weight_max`."""

    def __init__(self, weight_max: int) -> None:
        self._weight_max = weight_max
        self._weight = 0
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, which counts as used now."""
        held = self._held.get(key)
        if held is None:
            return None
        self._held.move_to_end(key)
        return held[0]

    def put(self, key: K, value: V, weight: int = 1) -> None:
        """Hold a value, unless it alone is too heavy."""
        self.drop(key)
        if weight > self._weight_max:
            return
        self._held[key] = (value, weight)
        self._weight += weight
        while self._weight > self._weight_max:
            _, (_, gone) = self._held.popitem(last=False)
            self._weight -= gone

    def has_room(self, weight: int) -> bool:
        """Whether so much more would push nothing out."""
        return self._weight + weight <= self._weight_max

    def drop(self, key: K) -> None:
        """Hold it no longer."""
        held = self._held.pop(key, None)
        if held is not None:
            self._weight -= held[1]

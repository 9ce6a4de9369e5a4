"""Which member each slot would ideally live at: weighted rendezvous hashing over all slots at once.

The law: the answer depends on names and weights alone, never on order, process or history; a member that comes takes
slots only for itself, one that goes gives away only its own.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cluster.placement.slots import SLOTS

_CACHED_MEMBERS: Final = 512  # 32 KiB each
_CACHED_ANSWERS: Final = 16  # of 32 KiB; a controller asks again after every move
_FRACTION_BITS: Final = 53  # of a float's mantissa


@lru_cache(_CACHED_MEMBERS)
def _logs(name: str) -> NDArray[Any]:
    """For each slot -log(u), u in (0, 1) drawn by the hash of (name, slot): splitmix64 seeded with the name's hash."""
    seed = np.uint64(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big"))
    mixed = seed + np.arange(1, SLOTS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    drawn = ((mixed >> np.uint64(64 - _FRACTION_BITS)).astype(np.float64) + 0.5) / float(1 << _FRACTION_BITS)
    logs: NDArray[Any] = -np.log(drawn)
    logs.flags.writeable = False
    return logs


def ideal(weights: Mapping[str, float]) -> tuple[str, ...]:
    """The member of each slot: its share is its weight's share of all. Empty where no weight is above 0."""
    return _ideal(tuple(sorted((name, weight) for name, weight in weights.items() if weight > 0)))


@lru_cache(_CACHED_ANSWERS)
def _ideal(weights: tuple[tuple[str, float], ...]) -> tuple[str, ...]:
    if not weights:
        return ()
    # The greatest -weight / log(u) is the least -log(u) / weight; of equals, the first name.
    best = np.full(SLOTS, np.inf)
    winner = np.zeros(SLOTS, dtype=np.intp)
    for number, (name, weight) in enumerate(weights):
        score = _logs(name) / weight
        better = score < best
        best[better] = score[better]
        winner[better] = number
    return tuple(weights[number][0] for number in winner.tolist())

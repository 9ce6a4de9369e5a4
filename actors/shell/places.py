"""Places in a lane of timers, as commands and answers name them: the time, and the unit's name behind it.

The law: they sort as the timers do.
"""

from typing import Final

TIME_MAX: Final = 2**63 - 1  # milliseconds since 1970
_TIME_BYTES: Final = 8


def place_of(time_ms: int, name: bytes = b"") -> bytes:
    """Behind all timers that are earlier, or that unit's own."""
    return min(max(time_ms, 0), TIME_MAX).to_bytes(_TIME_BYTES, "big") + name


def time_of(place: bytes) -> int:
    """The time of a place."""
    return int.from_bytes(place[:_TIME_BYTES], "big")

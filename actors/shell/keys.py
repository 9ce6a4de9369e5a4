"""Where the units of a kind are in the store: one layout, under a letter of the kind's own.

    o LETTER slot                   the claim of the slot's owner (cluster/placement/claims.py)
    LETTER slot U id                a unit
    LETTER slot T lane time id      when a unit wants to be looked at; empty
    LETTER slot B id                what a kind keeps beside a unit and never changes

The law: numbers are big-endian, so that keys sort as the numbers do; a slot's rows are together. Letters taken: q
queue, r reputation, w greylist, l throttle; the mailbox has b e g m t, the directory d, traces x, reports y, policies
p, lookups L, blobs B, the incarnation c.
"""

from struct import Struct
from typing import Final

_SLOT = Struct(">cHc")
_CLAIM = Struct(">ccH")
_LANE = Struct(">cHcB")
_TIMER = Struct(">cHcBQ")
ID_BYTES_MAX: Final = 400  # leaves room for a timer's key in 511 bytes
TIME_MAX: Final = 2**63 - 1  # milliseconds since 1970

Span = tuple[bytes, bytes]


class Layout:
    """The keys of one kind."""

    def __init__(self, letter: bytes) -> None:
        self._letter = letter

    def from_slot(self, slot: int) -> Span:
        """Range of all rows of a slot and those after it."""
        return self._letter + slot.to_bytes(2, "big"), bytes((self._letter[0] + 1,))

    def slot_of(self, key: bytes) -> int:
        """The slot of any row but a claim."""
        return int.from_bytes(key[1:3], "big")

    def claim(self, slot: int) -> bytes:
        """Key of a slot's claim."""
        return _CLAIM.pack(b"o", self._letter, slot)

    def unit(self, slot: int, name: bytes) -> bytes:
        """Key of a unit."""
        return _SLOT.pack(self._letter, slot, b"U") + name

    def units_after(self, slot: int, name: bytes) -> Span:
        """Range of the units after one (after none: the empty name)."""
        begin = self.unit(slot, name)
        return (begin + b"\0" if name else begin), _SLOT.pack(self._letter, slot, b"V")

    def unit_name(self, key: bytes) -> bytes:
        """The name in a unit's key."""
        return key[_SLOT.size :]

    def timer(self, slot: int, lane: int, time_ms: int, name: bytes) -> bytes:
        """Key of a unit's timer."""
        return _TIMER.pack(self._letter, slot, b"T", lane, min(max(time_ms, 0), TIME_MAX)) + name

    def timers_until(self, slot: int, lane: int, time_ms: int) -> Span:
        """Range of the timers of a lane that have come by a time."""
        return _LANE.pack(self._letter, slot, b"T", lane), self.timer(slot, lane, time_ms + 1, b"")

    def timer_name(self, key: bytes) -> bytes:
        """The name in a timer's key."""
        return key[_TIMER.size :]

    def beside(self, slot: int, name: bytes) -> bytes:
        """Key of what is kept beside a unit."""
        return _SLOT.pack(self._letter, slot, b"B") + name

"""Where the units of a kind are in the store: one layout, under a letter of the kind's own.

    o LETTER slot                   the claim of the slot's owner (cluster/placement/claims.py)
    LETTER slot U id                a unit
    LETTER slot T lane time id      when a unit wants to be looked at; empty
    LETTER slot B id                what a kind keeps beside a unit and never changes

The law: numbers are big-endian, so that keys sort as the numbers do; a slot's rows are together. Letters taken: q
queue, r reputation, w greylist, l throttle; the mailbox has b e g m t, the directory d, traces x, reports y, policies
p, lookups L, blobs B, the incarnation c, web push u.
"""

from struct import Struct
from typing import Final

from actors.shell.places import TIME_MAX

_SLOT = Struct(">cHc")
_CLAIM = Struct(">ccH")
_LANE = Struct(">cHcB")
_TIMER = Struct(">cHcBQ")
ID_BYTES_MAX: Final = 400  # leaves room for a timer's key in 511 bytes

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

    def timers_after(self, slot: int, lane: int, place: bytes) -> Span:
        """Range of the timers of a lane behind a place in it (from its beginning: the empty one)."""
        lane_key = _LANE.pack(self._letter, slot, b"T", lane)
        return (lane_key + place + b"\0" if place else lane_key), _LANE.pack(self._letter, slot, b"T", lane + 1)

    def work_from(self, slot: int, lane: int) -> Span:
        """Range that begins with the timers of a lane of a slot, and goes on through all rows after them."""
        return _LANE.pack(self._letter, slot, b"T", lane), bytes((self._letter[0] + 1,))

    def timer_lane(self, key: bytes) -> int | None:
        """The lane of a row that is a timer; None for another row."""
        return key[_SLOT.size] if key[3:4] == b"T" and len(key) >= _TIMER.size else None

    def timer_ms(self, key: bytes) -> int:
        """The time of a timer."""
        return int.from_bytes(key[_LANE.size : _TIMER.size], "big")

    def place(self, key: bytes) -> bytes:
        """A timer's place in its lane."""
        return key[_LANE.size :]

    def timer_name(self, key: bytes) -> bytes:
        """The name in a timer's key."""
        return key[_TIMER.size :]

    def beside(self, slot: int, name: bytes) -> bytes:
        """Key of what is kept beside a unit."""
        return _SLOT.pack(self._letter, slot, b"B") + name

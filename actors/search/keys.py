"""Where search indexes are in the store. Nothing else knows this layout.

    i S slot account                            what an account's index is made of (state.py)
    i W slot account                            it is wanted: an index where there is none, or a new one
    i R slot account email                      an entry of a message too new for a segment
    i D slot account segment kind number        a row of a segment (segment.py)
    i M slot account segment                    since when a segment is being made

The law: numbers are big-endian, so that keys sort as the numbers do; a slot's accounts are together, and so are an
account's rows of each sort. Segments have random numbers, so none ever comes again with other rows.
"""

from struct import Struct
from typing import Final

_PREFIX: Final = b"i"
_ACCOUNT: Final = Struct(">HQ")
_EMAIL: Final = Struct(">HQQ")
_ROW: Final = Struct(">HQQcI")
STATE: Final = _PREFIX + b"S"
WANTED: Final = _PREFIX + b"W"
_RECENT: Final = _PREFIX + b"R"
_DATA: Final = _PREFIX + b"D"
_MAKING: Final = _PREFIX + b"M"

Span = tuple[bytes, bytes]


def state(slot: int, account: int) -> bytes:
    """Key of what an index is made of."""
    return STATE + _ACCOUNT.pack(slot, account)


def wanted(slot: int, account: int) -> bytes:
    """Key of the wish for an index."""
    return WANTED + _ACCOUNT.pack(slot, account)


def of_slots(what: bytes, first: int, last: int, after: bytes = b"") -> Span:
    """Range of all rows of STATE or WANTED in some slots, both included; behind a key, if one is given."""
    return after + b"\0" if after else what + first.to_bytes(2, "big"), what + (last + 1).to_bytes(2, "big")


def account_of(key: bytes) -> tuple[int, int]:
    """Slot and account of a key of STATE or WANTED."""
    slot, account = _ACCOUNT.unpack_from(key, len(STATE))
    return slot, account


def recent(slot: int, account: int, email: int) -> bytes:
    """Key of an entry."""
    return _RECENT + _EMAIL.pack(slot, account, email)


def recents(slot: int, account: int, after: int = 0) -> Span:
    """Range of an account's entries above an email."""
    return recent(slot, account, after + 1), _RECENT + _ACCOUNT.pack(slot, account) + b"\xff" * 9


def row(slot: int, account: int, segment: int, kind: bytes, number: int) -> bytes:
    """Key of a row of a segment."""
    return _DATA + _ROW.pack(slot, account, segment, kind, number)


def rows(slot: int, account: int, segment: int) -> Span:
    """Range of a segment's rows."""
    begin = row(slot, account, segment, b"\0", 0)
    return begin, row(slot, account, segment, b"\xff", 0xFFFFFFFF)


def all_rows(slot: int, account: int) -> Span:
    """Range of the rows of all segments of an account."""
    return row(slot, account, 0, b"\0", 0), row(slot, account, 2**64 - 1, b"\xff", 0xFFFFFFFF)


def making(slot: int, account: int, segment: int) -> bytes:
    """Key of the note that a segment is being made."""
    return _MAKING + _EMAIL.pack(slot, account, segment)


def all_making(slot: int, account: int) -> Span:
    """Range of these notes of an account."""
    return making(slot, account, 0), _MAKING + _ACCOUNT.pack(slot, account) + b"\xff" * 9


def making_segment(key: bytes) -> int:
    """The segment of such a note."""
    return int(_EMAIL.unpack_from(key, len(_MAKING))[2])

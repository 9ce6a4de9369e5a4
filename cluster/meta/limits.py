"""The limits of store.py, checked in one place for every store, and counters, read and written one way.

The law: what one store refuses, all refuse, with TooLarge; what one accepts, all accept.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from cluster.errors import TooLarge
from cluster.meta.store import KEY_BYTES_MAX, RANGE_BYTES_MAX, RANGE_ROWS_MAX, VALUE_BYTES_MAX, Row

# Keys lie between these two, neither included. LMDB has no empty key; the very last key is where the
# embedded stores write their format version, out of everybody's sight.
KEYS_BEGIN: Final = b""
KEYS_END: Final = b"\xff" * KEY_BYTES_MAX

COUNTER_BYTES: Final = 8
COUNTER_MIN: Final = -(2**63)
COUNTER_MAX: Final = 2**63 - 1
_MASK: Final = 2**64 - 1


class Page(NamedTuple):
    """Rows of a range in reading order; `more` is whether the range may hold others after them."""

    rows: list[Row]
    more: bool


def check_key(key: bytes) -> None:
    """Raise TooLarge unless the key is within the limits."""
    if len(key) > KEY_BYTES_MAX or not KEYS_BEGIN < key < KEYS_END:
        raise TooLarge(f"A key has 1 to {KEY_BYTES_MAX} bytes and is not all 0xff.", log=f"key {key[:32]!r} is refused")


def refuse(key: bytes, value: bytes) -> TooLarge:
    """The error for a row that is over a limit."""
    check_key(key)
    return TooLarge(f"A value has up to {VALUE_BYTES_MAX} bytes.", log=f"{len(value)} bytes for key {key[:32]!r}")


def rows_wanted(limit: int) -> int:
    """How many rows one page may hold when `limit` were asked for."""
    return min(limit, RANGE_ROWS_MAX)


def page_of(rows: Iterable[Row], limit: int) -> Page:
    """The page that begins with these rows: at most `limit`, ending with the row that passes RANGE_BYTES_MAX."""
    page: list[Row] = []
    size_bytes = 0
    for row in rows:
        page.append(row)
        size_bytes += len(row[0]) + len(row[1])
        if len(page) >= limit or size_bytes > RANGE_BYTES_MAX:
            return Page(page, more=True)
    return Page(page, more=False)


def check_delta(delta: int) -> None:
    """Raise TooLarge unless the number fits a counter."""
    if not COUNTER_MIN <= delta <= COUNTER_MAX:
        raise TooLarge("A counter has 64 bits.", log=f"add of {delta}")


def counted(before: bytes | None, delta: int) -> bytes:
    """The counter's value after an add; it wraps as FoundationDB's does, and other lengths are cut or filled."""
    number = int.from_bytes((before or b"")[:COUNTER_BYTES], "little")
    return ((number + delta) & _MASK).to_bytes(COUNTER_BYTES, "little")

"""Where counts and received reports are in the store.

    y C kind day domain 0 row     how often something like `row` was seen; row is hashed, an atomic counter
    y D kind day domain 0 row     the row itself
    y S kind day domain           the report of that day has been sent, or there is nobody to send it to
    y S kind day domain 0 whom    it has been sent to one of those who want it; whom is hashed
    y R time name                 a report that was received
    y N name                      when it was, so that the same again is the same

The law: a kind is one byte, a day a number of four, so days and the domains in them are in order.
"""

import hashlib
from typing import Final

COUNT: Final = b"C"
ROW: Final = b"D"
_SENT: Final = b"S"
_RECEIVED: Final = b"R"
_NAMED: Final = b"N"
_LETTER: Final = b"y"
DAY_MS: Final = 86_400_000
HASH_BYTES: Final = 16
TIME_BYTES: Final = 8
DOMAIN_BYTES_MAX: Final = 253
PREFIX_BYTES: Final = 7  # letter, what, kind, day

Span = tuple[bytes, bytes]


def day_of(at_ms: int) -> int:
    """The day of a time, in UTC, since 1970."""
    return at_ms // DAY_MS


def _of_day(what: bytes, kind: bytes, day: int) -> bytes:
    return _LETTER + what + kind + day.to_bytes(4, "big")


def place(what: bytes, kind: bytes, day: int, domain: str, row: bytes) -> bytes:
    """Key of a count, or of its row."""
    return _of_day(what, kind, day) + _name(domain) + b"\0" + hashlib.sha256(row).digest()[:HASH_BYTES]


def all_of(what: bytes, kind: bytes, day: int, domain: str) -> Span:
    """Range of a domain's counts, or rows, of a day."""
    begin = _of_day(what, kind, day) + _name(domain)
    return begin + b"\0", begin + b"\1"


def domains_after(kind: bytes, day: int, domain: str) -> Span:
    """Range of the counts of a day, of the domains after one (of all: after none)."""
    begin = _of_day(COUNT, kind, day)
    return (begin + _name(domain) + b"\1" if domain else begin), _of_day(COUNT, kind, day + 1)


def days_until(kind: bytes, day: int, what: bytes = COUNT) -> Span:
    """Range of all counts (rows) of the days up to one."""
    return _of_day(what, kind, 0), _of_day(what, kind, day + 1)


def day_in(key: bytes) -> int:
    """The day in the key of a count."""
    return int.from_bytes(key[3:PREFIX_BYTES], "big")


def domain_in(key: bytes) -> str:
    """The domain in the key of a count or a row."""
    return key[PREFIX_BYTES:].partition(b"\0")[0].decode("utf-8", "replace")


def sent(kind: bytes, day: int, domain: str) -> bytes:
    """Key that says that a report is done."""
    return _of_day(_SENT, kind, day) + _name(domain)


def sent_to(kind: bytes, day: int, domain: str, whom: str) -> bytes:
    """Key that says that a report has been sent to one address."""
    return sent(kind, day, domain) + b"\0" + hashlib.sha256(whom.encode("utf-8", "replace")).digest()[:HASH_BYTES]


def sent_until(kind: bytes, day: int) -> Span:
    """Range of those of the days up to one."""
    return days_until(kind, day, _SENT)


def received(at_ms: int, name: bytes) -> bytes:
    """Key of a received report."""
    return _LETTER + _RECEIVED + at_ms.to_bytes(TIME_BYTES, "big") + name


def name_in(key: bytes) -> bytes:
    """The name in the key of a received report."""
    return key[2 + TIME_BYTES :]


def named(name: bytes) -> bytes:
    """Key that says when a report was received."""
    return _LETTER + _NAMED + name


def time_value(at_ms: int) -> bytes:
    """What stands there."""
    return at_ms.to_bytes(TIME_BYTES, "big")


def time_of(value: bytes) -> int:
    """The time in it."""
    return int.from_bytes(value, "big")


def received_until(at_ms: int) -> Span:
    """Range of those received by a time."""
    begin = _LETTER + _RECEIVED
    return begin, begin + (at_ms + 1).to_bytes(TIME_BYTES, "big")


def _name(domain: str) -> bytes:
    return domain.encode("utf-8", "replace")[:DOMAIN_BYTES_MAX].replace(b"\0", b"").replace(b"\1", b"")

"""Date and UTCDate (RFC 8620 1.4): RFC 3339 with capital letters and no fraction that is zero.

The law: what `utc` and `date` write, `read_utc` and `read_date` take and give back as the same moment. They take a
fraction of zero too, which JavaScript's dates have.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

_DATE: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,30}))?(?:(Z)|([+-])(\d\d):([0-5]\d))\Z", re.ASCII
).match
_MICROSECOND_DIGITS: Final = 6


def read_date(text: str) -> datetime:
    """The moment of a Date, in its own time zone. ValueError: it is none, or a year no calendar here has."""
    if (found := _DATE(text)) is None:
        raise ValueError("not a Date")
    year, month, day, hour, minute, second, fraction, zulu, sign, hours, minutes = found.groups()
    if zulu:
        zone = UTC
    else:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        zone = timezone(-offset if sign == "-" else offset)
    leap = second == "60"  # RFC 3339 5.7; the clock here has no such second
    micro = int((fraction or "0")[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0"))
    when = datetime(int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second), micro, zone)
    try:
        when.astimezone(UTC)
        return when + timedelta(seconds=1) if leap else when
    except OverflowError as problem:
        raise ValueError("out of the calendar") from problem


def read_utc(text: str) -> datetime:
    """The moment of a UTCDate. ValueError: it is none."""
    if not text.endswith("Z"):
        raise ValueError("not in UTC")
    return read_date(text)


def read_utc_ms(text: str) -> int:
    """The same, in whole milliseconds since 1970."""
    return (read_utc(text) - _EPOCH) // _MILLISECOND


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_PLAIN_CHARS: Final = len("2000-01-01T00:00:00")


def date(when: datetime) -> str:
    """A Date in the time zone that the moment has."""
    if when.utcoffset() == timedelta(0):
        return utc(when)
    return when.isoformat(timespec="microseconds" if when.microsecond else "seconds")


def utc(when: datetime | float) -> str:
    """A UTCDate of a moment, or of seconds since 1970."""
    if isinstance(when, int):
        return _whole(when)
    if not isinstance(when, datetime):
        when = datetime.fromtimestamp(when, UTC)
    plain = when.astimezone(UTC).replace(tzinfo=None)
    return plain.isoformat(timespec="microseconds" if plain.microsecond else "seconds") + "Z"


def utc_ms(at_ms: int) -> str:
    """A UTCDate of milliseconds since 1970."""
    return utc(at_ms / 1000 if at_ms % 1000 else at_ms // 1000)


@lru_cache(maxsize=8192)  # pages of the newest emails are asked for again and again, each with fifty of these
def _whole(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:_PLAIN_CHARS] + "Z"

"""Dates (RFC 5322 3.3, obsolete forms 4.3, and the broken ones that are about).

The law: a date that cannot be is None, never an error and never a guess of now. A time that cannot be, or is not there,
is 00:00:00, and a zone UTC (RFC 5256 2.2).
"""

import re
from typing import Final, NamedTuple

_MONTHS: Final = {
    name: number for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)
}
_MONTH_NAMES: Final = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DAY_NAMES: Final = b"Mon Tue Wed Thu Fri Sat Sun".split()
# obs-zone (RFC 5322 4.3), in minutes east. Single letters and unknown names mean -0000.
_ZONES: Final = {
    b"ut": 0, b"gmt": 0, b"utc": 0, b"z": 0,
    b"est": -300, b"edt": -240, b"cst": -360, b"cdt": -300, b"mst": -420, b"mdt": -360, b"pst": -480, b"pdt": -420,
    b"cet": 60, b"cest": 120, b"bst": 60, b"eet": 120, b"eest": 180, b"jst": 540,
}  # fmt: skip
_COMMENT: Final = re.compile(rb"\([^()]*+\)")
_TIME: Final = rb"(\d{1,2})\s*+[:.]\s*+(\d{1,2})(?:\s*+[:.]\s*+(\d{1,2})(?:[.,]\d+)?)?"
_ZONE: Final = rb"(?:\s*([+-]\s?\d{1,2}:?\d{2}|[A-Za-z]{1,5}))?"
_USUAL: Final = re.compile(
    rb"(?:[A-Za-z]{2,9}[,.]?\s*+)?(\d{1,2})[\s-]*([A-Za-z]{3})[a-z]*+[.,]?[\s-]*(\d{2,4})(?=[,\s]|\Z)(?:,?\s+"
    + _TIME
    + _ZONE
    + rb")?"
)
_ASCTIME: Final = re.compile(
    rb"(?:[A-Za-z]{2,9},?\s+)?([A-Za-z]{3})[a-z]*+\.?\s+(\d{1,2}),?\s+" + _TIME + _ZONE + rb"\s+(\d{4})"
)
_ISO: Final = re.compile(rb"(\d{4})-(\d{1,2})-(\d{1,2})(?=[T\s]|\Z)(?:[T\s]+" + _TIME + _ZONE + rb")?")
_VALUE_BYTES_MAX: Final = 256  # dates take 31; comments may follow
_YEAR_MIN: Final = 1900  # RFC 5322 3.3
_DAY_S: Final = 86_400


class Date(NamedTuple):
    """A moment, and the zone it was written in: minutes east of UTC."""

    epoch_s: int
    zone_min: int


def parse_date(value: bytes) -> Date | None:
    """The Date field's value (folded or not)."""
    value = value[:_VALUE_BYTES_MAX]
    if b"(" in value:
        value = _COMMENT.sub(b" ", value)
    value = value.strip()
    if match := _USUAL.match(value):
        day, month, year, hour, minute, second, zone = match.groups()
        return _date(_year(year), _MONTHS.get(month.lower(), 0), day, hour, minute, second, zone)
    if match := _ASCTIME.match(value):
        month, day, hour, minute, second, zone, year = match.groups()
        return _date(int(year), _MONTHS.get(month.lower(), 0), day, hour, minute, second, zone)
    if match := _ISO.match(value):
        year, month, day, hour, minute, second, zone = match.groups()
        return _date(int(year), int(month), day, hour, minute, second, zone)
    return None


def _year(digits: bytes) -> int:
    """RFC 5322 4.3: two digits under 50 are of this century, other short ones count from 1900."""
    year = int(digits)
    if len(digits) == 2 and year < 50:
        return year + 2000
    return year + 1900 if len(digits) < 4 else year


def _date(
    year: int,
    month: int,
    day: bytes,
    hour: bytes | None,
    minute: bytes | None,
    second: bytes | None,
    zone: bytes | None,
) -> Date | None:
    day_number, h, m, s = int(day), int(hour or 0), int(minute or 0), int(second or 0)
    if not (1 <= month <= 12 and 1 <= day_number <= _days_in(year, month) and year >= _YEAR_MIN):
        return None
    if h > 23 or m > 59 or s > 60:  # 60 is a leap second
        h = m = s = 0
    zone_min = _zone(zone)
    seconds = _days(year, month, day_number) * _DAY_S + h * 3600 + m * 60 + s
    return Date(seconds - zone_min * 60, zone_min)


def _zone(zone: bytes | None) -> int:
    if not zone:
        return 0
    if zone[0] not in b"+-":
        return _ZONES.get(zone.lower(), 0)
    digits = zone[1:].replace(b":", b"").strip().zfill(4)
    minutes = int(digits[:-2]) * 60 + int(digits[-2:])
    if minutes >= 24 * 60:
        return 0  # no such zone: the local time is the best there is
    return -minutes if zone[:1] == b"-" else minutes


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the Gregorian calendar; years are counted from March, so leap days come last."""
    if month <= 2:
        year, month = year - 1, month + 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719_469


def _civil(days: int) -> tuple[int, int, int]:
    """The inverse of `_days`."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def format_date(epoch_ms: int, zone_min: int = 0) -> bytes:
    """date-time of RFC 5322 3.3, as in `Mon, 02 Nov 2026 10:00:00 +0100`."""
    days, second = divmod(epoch_ms // 1000 + zone_min * 60, _DAY_S)
    year, month, day = _civil(days)
    sign, zone = (b"-", -zone_min) if zone_min < 0 else (b"+", zone_min)
    return b"%b, %02d %b %04d %02d:%02d:%02d %b%02d%02d" % (
        _DAY_NAMES[(days + 3) % 7],
        day,
        _MONTH_NAMES[month - 1],
        year,
        second // 3600,
        second // 60 % 60,
        second % 60,
        sign,
        zone // 60,
        zone % 60,
    )

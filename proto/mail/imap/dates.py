"""Dates as IMAP writes them (RFC 3501 9: date, date-time). A moment keeps its zone, so that it prints as it came."""

import datetime as dt
import re
from typing import NamedTuple

from mail.imap.errors import ImapError

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_MONTH_OF = {name.upper(): number for number, name in enumerate(_MONTHS, 1)}
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_DAY_S = 86_400

# date-text = date-day "-" date-month "-" date-year
_DATE = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
# date-time = date-day-fixed "-" date-month "-" date-year SP time SP zone ; one digit without its space is taken as well
_DATE_TIME = re.compile(
    rb" ?([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"
)


class InternalDate(NamedTuple):
    """A moment (seconds since 1970 in UTC) and the zone it was written in (minutes east of Greenwich)."""

    epoch_s: int
    zone_minutes: int


def parse_date(text: bytes) -> dt.date:
    """`1-Feb-1994`, without quotes. ImapError."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise _no_date()
    return _date(*found.groups())


def parse_date_time(text: bytes) -> InternalDate:
    """`17-Jul-1996 02:44:25 -0700`, without quotes. ImapError."""
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise _no_date()
    day = _date(*found.group(1, 2, 3))
    hour, minute, second, zone_hour, zone_minute = map(int, found.group(4, 5, 6, 8, 9))
    if hour > 23 or minute > 59 or second > 60 or zone_hour > 23 or zone_minute > 59:
        raise _no_date()
    zone_minutes = (zone_hour * 60 + zone_minute) * (-1 if found[7] == b"-" else 1)
    local_s = (day.toordinal() - _EPOCH_DAY) * _DAY_S + hour * 3600 + minute * 60 + second
    return InternalDate(local_s - zone_minutes * 60, zone_minutes)


def render_date_time(moment: InternalDate) -> bytes:
    """With its quotes: `"17-Jul-1996 02:44:25 -0700"`, the day filled with a space. Years 1 to 9999 only."""
    days, seconds = divmod(moment.epoch_s + moment.zone_minutes * 60, _DAY_S)
    date = dt.date.fromordinal(days + _EPOCH_DAY)
    zone = divmod(abs(moment.zone_minutes), 60)
    sign = b"-" if moment.zone_minutes < 0 else b"+"
    clock = (seconds // 3600, seconds // 60 % 60, seconds % 60)
    month = _MONTHS[date.month - 1]
    return b'"%2d-%b-%04d %02d:%02d:%02d %b%02d%02d"' % (date.day, month, date.year, *clock, sign, *zone)


def _date(day: bytes, month: bytes, year: bytes) -> dt.date:
    try:
        return dt.date(int(year), _MONTH_OF[month.upper()], int(day))
    except (KeyError, ValueError):
        raise _no_date() from None


def _no_date() -> ImapError:
    return ImapError("This is no date (RFC 3501 9, date and date-time)")

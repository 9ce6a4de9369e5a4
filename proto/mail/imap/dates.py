"""Dates as IMAP writes them (RFC 3501 9: date, date-time). A moment keeps its zone, so that it prints as it came."""

from typing import NamedTuple


class InternalDate(NamedTuple):
    """A moment (seconds since 1970 in UTC) and the zone it was written in (minutes east of Greenwich)."""

    epoch_s: int
    zone_minutes: int

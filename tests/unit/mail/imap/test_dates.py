"""Dates: what is parsed prints; the calendar is the standard library's."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.imap.dates import InternalDate, parse_date, parse_date_time, render_date_time
from mail.imap.errors import ImapError

_YEARS_S = 60_000_000_000  # from the year 70 to 3870: every zone stays within the calendar
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@given(st.integers(-_YEARS_S, _YEARS_S), st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_what_prints_parses_and_agrees_with_datetime(epoch_s: int, zone_minutes: int) -> None:
    moment = InternalDate(epoch_s, zone_minutes)
    text = render_date_time(moment)
    assert parse_date_time(text[1:-1]) == moment
    zone = dt.timezone(dt.timedelta(minutes=zone_minutes))
    oracle = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=epoch_s)).astimezone(zone)
    assert text[4:7].decode() == _MONTHS[oracle.month - 1]
    assert text[1:3] == b"%2d" % oracle.day
    assert text[8:].decode() == f"{oracle.year:04} {oracle:%H:%M:%S %z}" + '"'


def test_the_example_of_the_rfc() -> None:
    assert parse_date_time(b"17-Jul-1996 02:44:25 -0700") == (837_596_665, -420)
    assert parse_date(b"1-Feb-1994") == dt.date(1994, 2, 1)


@pytest.mark.parametrize(
    "text", [b"7-Feb-1994 21:52:25 -0800", b" 7-Feb-1994 21:52:25 -0800", b"07-fEB-1994 21:52:25 -0800"]
)
def test_the_day_may_have_one_digit(text: bytes) -> None:
    assert render_date_time(parse_date_time(text)) == b'" 7-Feb-1994 21:52:25 -0800"'


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"31-Feb-2001 00:00:00 +0000",
        b"01-Jan-0000 00:00:00 +0000",
        b"01-Jan-2001 24:00:00 +0000",
        b"01-Jan-2001 00:60:00 +0000",
        b"01-Jan-2001 00:00:61 +0000",
        b"01-Jan-2001 00:00:00 +2400",
        b"01-Jan-2001 00:00:00 +0060",
        b"01-Jan-2001 00:00:00",
        b"01-Foo-2001 00:00:00 +0000",
        b"1-Jan-2001 00:00:00 +0000 ",
    ],
)
def test_what_is_no_moment(text: bytes) -> None:
    with pytest.raises(ImapError):
        parse_date_time(text)

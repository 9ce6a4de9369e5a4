"""Dates: RFC 5322's, obsolete and broken ones, and building one."""

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.message.date import Date, format_date, parse_date

NOON = 1_767_268_800  # 2026-01-01 12:00:00 UTC


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"Thu, 01 Jan 2026 12:00:00 +0000", Date(NOON, 0)),
        (b" Thu,  1 Jan 2026\r\n 13:00:00 +0100 (CET)\r\n", Date(NOON, 60)),
        (b"1 Jan 2026 12:00 GMT", Date(NOON, 0)),
        (b"1 Jan 26 07:00 EST", Date(NOON, -300)),
        (b"Thursday, 1-Jan-26 12:00:00 UT", Date(NOON, 0)),
        (b"1 January 2026 12:00:00 -0000", Date(NOON, 0)),
        (b"Thu Jan  1 12:00:00 2026", Date(NOON, 0)),
        (b"Thu Jan  1 12:00:00 UTC 2026", Date(NOON, 0)),
        (b"2026-01-01T12:00:00Z", Date(NOON, 0)),
        (b"2026-01-01 13:30:00.25+01:30", Date(NOON, 90)),
        (b"Thu, 01 Jan 2026 12:00:00 X", Date(NOON, 0)),
        (b"Thu, 01 Jan 2026 12:00:00 +9999", Date(NOON, 0)),
        (b"Thu, 01 Jan 2026 12:00:00", Date(NOON, 0)),
        (b"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", Date(880_127_706, -360)),
        (b"21 Nov 97 09:55:06 GMT", Date(880_106_106, 0)),
        (b"1 Jan 126 12:00:00 GMT", Date(NOON, 0)),
        (b"29 Feb 2026 12:00:00 GMT", None),
        (b"29 Feb 2024 12:00:00 GMT", Date(1_709_208_000, 0)),
        (b"1 Foo 2026 12:00:00 GMT", None),
        (b"1 Jan 2026 25:00:00 GMT", Date(NOON - 43_200, 0)),
        (b"1 Jan 2026 12:60:00 +0100", Date(NOON - 43_200 - 3600, 60)),
        (b"Thu, 1 Jan 2026", Date(NOON - 43_200, 0)),
        (b"1 Jan 2026, at noon", Date(NOON - 43_200, 0)),
        (b"2026-01-01", Date(NOON - 43_200, 0)),
        (b"1 Jan 20260 12:00:00 GMT", None),
        (b"1 Jan 12:00:00 2026", None),
        (b"2026-01-011", None),
        (b"1 Jan 1800 12:00:00 GMT", None),
        (b"nonsense", None),
        (b"", None),
    ],
)
def test_parse(value: bytes, expected: Date | None) -> None:
    assert parse_date(value) == expected


def test_format() -> None:
    assert format_date(NOON * 1000) == b"Thu, 01 Jan 2026 12:00:00 +0000"
    assert format_date(NOON * 1000 + 999, -330) == b"Thu, 01 Jan 2026 06:30:00 -0530"


@given(st.integers(-2_208_988_800, 253_402_300_799), st.integers(-720, 840))
def test_what_is_formatted_is_parsed(epoch_s: int, zone_min: int) -> None:
    epoch_s = min(max(epoch_s, -2_208_988_800 + 86_400), 253_402_300_799 - 86_400)
    assert parse_date(format_date(epoch_s * 1000, zone_min)) == Date(epoch_s, zone_min)


@given(st.integers(0, 4_000_000_000))
def test_agrees_with_the_standard_library(epoch_s: int) -> None:
    assert format_date(epoch_s * 1000).decode() == email.utils.formatdate(epoch_s, usegmt=False).replace(
        "-0000", "+0000"
    )


@given(st.binary(max_size=60))
def test_any_bytes_are_a_date_or_none(value: bytes) -> None:
    found = parse_date(value)
    assert found is None or abs(found.zone_min) < 24 * 60

"""Types of JSON values as JMAP has them (RFC 8620 1.2 to 1.4), as functions that raise AssertionError.

The law: a type takes a value and where it stands, and says where it is wrong; nothing of the server's own is used.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

Type = Callable[[Any, str], None]

INT_MAX: Final = 2**53 - 1
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_DATE: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]*[1-9])?(Z|[+-][0-9]{2}:[0-5][0-9])"
)
_KEYWORD: Final = re.compile(r"[!#$&'+,./0-9:;<=>?@\[^_`a-z|}~-]{1,255}")


def fail(where: str, why: str, value: object) -> None:
    """Always raises."""
    raise AssertionError(f"{where}: {why}: {value!r:.300}")


def anything(_value: Any, _where: str) -> None:
    """Any JSON."""


def string(value: Any, where: str) -> None:
    """String, of scalar values only (RFC 7493 2.1)."""
    if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
        fail(where, "no String", value)


def boolean(value: Any, where: str) -> None:
    """Boolean."""
    if not isinstance(value, bool):
        fail(where, "no Boolean", value)


def true(value: Any, where: str) -> None:
    """A member of a set."""
    if value is not True:
        fail(where, "not true", value)


def integer(value: Any, where: str) -> None:
    """Int."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > INT_MAX:
        fail(where, "no Int", value)


def unsigned(value: Any, where: str) -> None:
    """UnsignedInt."""
    integer(value, where)
    if value < 0:
        fail(where, "no UnsignedInt", value)


def identifier(value: Any, where: str) -> None:
    """Id."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        fail(where, "no Id", value)


def date(value: Any, where: str) -> None:
    """Date: RFC 3339 in capitals, of a day there is."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        fail(where, "no Date", value)
    try:
        datetime.fromisoformat(value[:19])
    except ValueError:
        fail(where, "no Date", value)


def utc_date(value: Any, where: str) -> None:
    """UTCDate."""
    date(value, where)
    if not value.endswith("Z"):
        fail(where, "no UTCDate", value)


def keyword(value: Any, where: str) -> None:
    """A keyword as it is told: in lower case (RFC 8621 4.1.1)."""
    if not isinstance(value, str) or not _KEYWORD.fullmatch(value):
        fail(where, "no keyword", value)


def one_of(*known: Any) -> Type:
    """One of some texts, or null."""

    def check(value: Any, where: str) -> None:
        if value not in known:
            fail(where, f"none of {known}", value)

    return check


def nullable(kind: Type) -> Type:
    """That, or null."""

    def check(value: Any, where: str) -> None:
        if value is not None:
            kind(value, where)

    return check


def listed(kind: Type, *, unique: bool = False) -> Type:
    """An array of that; `unique`: of texts, each once."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list):
            fail(where, "no array", value)
        for place, one in enumerate(value):
            kind(one, f"{where}/{place}")
        if unique and len(set(value)) < len(value):
            fail(where, "one is there twice", value)

    return check


def mapped(key: Type, kind: Type, *, least: int = 0) -> Type:
    """An object with any names of one type."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict) or len(value) < least:
            fail(where, f"no object of at least {least}", value)
        for name, one in value.items():
            key(name, f"{where} (a name)")
            kind(one, f"{where}/{name}")

    return check


def members(needed: Mapping[str, Type], others: Mapping[str, Type] | None = None) -> Type:
    """An object with exactly these members, and some of the others."""
    known = {**needed, **(others or {})}

    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            fail(where, "no object", value)
        if missing := needed.keys() - value.keys():
            fail(where, f"without {sorted(missing)}", value)
        if more := value.keys() - known.keys():
            fail(where, f"with {sorted(more)}", value)
        for name, one in value.items():
            known[name](one, f"{where}/{name}")

    return check


identifiers: Final = listed(identifier, unique=True)

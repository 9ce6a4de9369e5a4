"""Ids and the two kinds of whole numbers (RFC 8620 1.2, 1.3), as types for `convert`.

The law: an Id is 1 to 255 octets of the URL-safe alphabet; an Int is one a double holds exactly. Many ids are checked
by one match: a type of msgspec with a pattern costs a microsecond each.
"""

import re
from collections.abc import Collection
from typing import Annotated, Any, Final

import msgspec

INT_MAX: Final = 2**53 - 1
_ID: Final = "[A-Za-z0-9_-]{1,255}+"
_ALL: Final = re.compile(rf"(?:{_ID},)*\Z").match
_ALL_OR_CREATED: Final = re.compile(rf"(?:#?{_ID},)*\Z").match

Id = Annotated[str, msgspec.Meta(pattern=rf"^{_ID}\Z")]
IdOrCreated = Annotated[str, msgspec.Meta(pattern=rf"^#?{_ID}\Z")]
"""An Id, or `#` and the creation id of an object made earlier in the same request (RFC 8620 5.3)."""
Int = Annotated[int, msgspec.Meta(ge=-INT_MAX, le=INT_MAX)]
UnsignedInt = Annotated[int, msgspec.Meta(ge=0, le=INT_MAX)]
PositiveInt = Annotated[int, msgspec.Meta(gt=0, le=INT_MAX)]


class Ids(tuple[str, ...]):
    """`Id[]`, of which some may be references to created objects."""

    __slots__ = ()


class Objects(dict[str, dict[str, Any]]):
    """`Id[Object]` by creation ids."""

    __slots__ = ()


class Updates(dict[str, dict[str, Any]]):
    """`Id[PatchObject]` by ids, of which some may be references to created objects."""

    __slots__ = ()


def all_ids(texts: Collection[str], *, created: bool = False) -> bool:
    """Whether all texts are ids; with `created` they may be references too. TypeError: one is no text."""
    if not texts:
        return True
    joined = ",".join(texts) + ","
    return joined.count(",") == len(texts) and (_ALL_OR_CREATED if created else _ALL)(joined) is not None


def read_ids(value: Any) -> Ids:
    """ValueError: it is none."""
    if not isinstance(value, list):
        raise ValueError("Expected `Id[]`")  # noqa: TRY004 - msgspec names the place of a ValueError
    try:
        fine = all_ids(value, created=True)
    except TypeError:
        fine = False
    if not fine:
        raise ValueError("Expected `Id[]`")
    return Ids(value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def read_objects(kind: type[Objects | Updates], value: Any) -> Objects | Updates:
    """ValueError: it is none."""
    if not isinstance(value, dict) or not all(map(_is_object, value.values())):
        raise ValueError("Expected `Id[Object]`")
    if not all_ids(value, created=kind is Updates):
        raise ValueError("Expected `Id[Object]`, not all keys are ids")
    return kind(value)

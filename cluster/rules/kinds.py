"""What a value in a rule can be. Every part of a rule has one of these kinds before anything is evaluated.

The law: kinds are found from the text alone, so that a comparison that makes no sense is never met while mail waits.
"""

from enum import Enum
from typing import Any, Final


class Kind(Enum):
    """The kinds, by their names for people."""

    BOOL = "true or false"
    INT = "a whole number"
    FLOAT = "a number"
    TEXT = "a text"
    TEXTS = "a list of texts"
    INTS = "a list of whole numbers"
    EMPTY = "an empty list"
    TABLE = 'a list("name")'


NUMBERS: Final = (Kind.INT, Kind.FLOAT)
LISTS: Final = (Kind.TEXTS, Kind.INTS, Kind.EMPTY)
ITEMS: Final = {Kind.TEXTS: Kind.TEXT, Kind.INTS: Kind.INT, Kind.EMPTY: Kind.TEXT, Kind.TABLE: Kind.TEXT}

_OF_TYPES: Final[dict[Any, Kind]] = {
    bool: Kind.BOOL,
    int: Kind.INT,
    float: Kind.FLOAT,
    str: Kind.TEXT,
    tuple[str, ...]: Kind.TEXTS,
    list[str]: Kind.TEXTS,
    tuple[int, ...]: Kind.INTS,
    list[int]: Kind.INTS,
}


def kind_of(hint: Any) -> Kind:
    """The kind of a variable's type. Raises KeyError for a type that rules do not know."""
    return _OF_TYPES[hint]


def alike(one: Kind, other: Kind) -> bool:
    """Whether two values can be equal at all."""
    if one in NUMBERS and other in NUMBERS:
        return True
    return one is other or (Kind.EMPTY in (one, other) and one in LISTS and other in LISTS)

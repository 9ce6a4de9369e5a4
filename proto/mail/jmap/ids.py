"""Ids and the two kinds of whole numbers (RFC 8620 1.2, 1.3), as types that msgspec checks.

The law: an Id is 1 to 255 octets of the URL-safe alphabet; an Int is one a double holds exactly.
"""

import re
from typing import Annotated, Any, Final, TypeGuard

import msgspec

INT_MAX: Final = 2**53 - 1
_ID: Final = r"^[A-Za-z0-9_-]{1,255}\Z"
_MATCH: Final = re.compile(_ID).match

Id = Annotated[str, msgspec.Meta(pattern=_ID)]
IdOrCreated = Annotated[str, msgspec.Meta(pattern=r"^#?[A-Za-z0-9_-]{1,255}\Z")]
"""An Id, or `#` and the creation id of an object made earlier in the same request (RFC 8620 5.3)."""
Int = Annotated[int, msgspec.Meta(ge=-INT_MAX, le=INT_MAX)]
UnsignedInt = Annotated[int, msgspec.Meta(ge=0, le=INT_MAX)]
PositiveInt = Annotated[int, msgspec.Meta(gt=0, le=INT_MAX)]


def is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and _MATCH(value) is not None


def is_unsigned(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INT_MAX

"""JSON pointers (RFC 6901) as tuples of reference tokens.

The law: a tuple and the pointer it was read from say the same; what is no pointer gives None.
"""

import re
from typing import Final

_BAD_ESCAPE: Final = re.compile(r"~(?![01])").search
_INDEX: Final = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z").match


def tokens(pointer: str) -> tuple[str, ...] | None:
    """The tokens of a pointer; None where it is none."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        return None
    parts = pointer[1:].split("/")
    if "~" not in pointer:
        return tuple(parts)
    if _BAD_ESCAPE(pointer):
        return None
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def index(token: str, length: int) -> int | None:
    """The place in an array of this length that a token names (RFC 6901 4); None: there is none."""
    if not _INDEX(token) or (place := int(token)) >= length:
        return None
    return place


def escape(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")

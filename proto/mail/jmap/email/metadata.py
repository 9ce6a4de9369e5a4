"""The properties of an Email that are not in its message, as clients set them (RFC 8621 4.1.1, 4.6).

The law: what is accepted is within the limits given; keywords come out in lower case, as servers say them.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from mail.jmap.email.errors import Refused

KEYWORDS_MAX: Final = 100  # of one Email
MAILBOXES_MAX: Final = 100
# 1 to 255 of %x21-7E but ( ) { ] % * " \
_KEYWORD: Final = re.compile(r"[!#$&'+-\[^-z|}~]{1,255}")
_ID: Final = re.compile(r"#?[A-Za-z0-9_-]{1,255}")  # RFC 8620 1.2, 5.3 (creation ids)


def keywords(value: Any, keywords_max: int = KEYWORDS_MAX) -> frozenset[str]:
    """The `keywords` property. Raises Refused (`invalidProperties`, `tooManyKeywords`)."""
    found = _set(value, "keywords", _KEYWORD)
    if len(found) > keywords_max:
        raise Refused("tooManyKeywords", f"an Email has at most {keywords_max} keywords", ("keywords",))
    return frozenset(name.lower() for name in found)


def is_keyword(name: str) -> bool:
    """Whether a keyword may be called so."""
    return _KEYWORD.fullmatch(name) is not None


def mailbox_ids(value: Any, mailboxes_max: int = MAILBOXES_MAX) -> frozenset[str]:
    """The `mailboxIds` property. Raises Refused (`invalidProperties`, `tooManyMailboxes`)."""
    found = _set(value, "mailboxIds", _ID)
    if not found:
        raise Refused("invalidProperties", "an Email is in at least one Mailbox", ("mailboxIds",))
    if len(found) > mailboxes_max:
        raise Refused("tooManyMailboxes", f"an Email is in at most {mailboxes_max} Mailboxes", ("mailboxIds",))
    return frozenset(found)


def _set(value: Any, name: str, pattern: re.Pattern[str]) -> list[str]:
    """The names of a set, which is an object whose values are true."""
    if not isinstance(value, Mapping):
        raise Refused("invalidProperties", f"{name} is an object whose values are true", (name,))
    for key, is_set in value.items():
        if is_set is not True or not isinstance(key, str) or not pattern.fullmatch(key):
            path = f"{name}/{str(key)[:255]}"
            raise Refused("invalidProperties", f"{path} may not be there, or is not true", (path,))
    return list(value)

"""The namespaces (RFC 2342): whose mailbox a name is, by the name alone.

The law: one's own mailboxes have no prefix, so no mailbox of one's own has a name that begins as another namespace.
"""

from typing import Final

from actors.mailbox.types import SEPARATOR

OTHERS: Final = "Other Users"
SHARED: Final = "Shared"


def is_own(name: str) -> bool:
    """Whether a name is in the namespace of one's own mailboxes."""
    first = name.partition(SEPARATOR)[0]
    return first not in (OTHERS, SHARED)


def is_level(name: str) -> bool:
    """Whether a name can only stand above others' mailboxes."""
    return not is_own(name) and name.rstrip(SEPARATOR).count(SEPARATOR) < 2

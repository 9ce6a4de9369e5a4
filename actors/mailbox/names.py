"""Mailbox names: what is a name, and which names are below which.

The law: every name that reaches the state went through `normal`. INBOX is case-insensitive (RFC 3501 5.1), also as
the first level of a longer name; names are Unicode in NFC (RFC 5198).
"""

import unicodedata
from collections.abc import Iterator

from actors.mailbox.types import DEPTH_MAX, INBOX, NAME_BYTES_MAX, SEPARATOR
from cluster.errors import Refused


def normal(name: str) -> str:
    """The name as stored. Raises Refused with the reason."""
    name = unicodedata.normalize("NFC", name).removesuffix(SEPARATOR)
    levels = name.split(SEPARATOR)
    if not all(levels):
        raise Refused("A mailbox name needs a character before and after each hierarchy separator.")
    if len(levels) > DEPTH_MAX:
        raise Refused(f"A mailbox name may have {DEPTH_MAX} levels.")
    if len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX:
        raise Refused(f"A mailbox name may have {NAME_BYTES_MAX} bytes in UTF-8.")
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name) or not {"*", "%"}.isdisjoint(name):
        raise Refused("A mailbox name may not hold control characters, * or %.")
    if levels[0].upper() == INBOX:
        return SEPARATOR.join([INBOX, *levels[1:]])
    return name


def parents(name: str) -> Iterator[str]:
    """The names above, nearest first."""
    while (cut := name.rfind(SEPARATOR)) >= 0:
        name = name[:cut]
        yield name


def is_below(name: str, above: str) -> bool:
    """Whether `name` is a descendant of `above`."""
    return name.startswith(above + SEPARATOR)

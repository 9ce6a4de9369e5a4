"""Which messages are answered by a machine (RFC 3834 2, RFC 5230 4.5, 4.6).

The law: never what nobody wrote to this person: mail of machines, of lists, from the null sender, and mail that names
none of the person's addresses.
"""

import re
from collections.abc import Collection
from typing import Final

from mail.message.address import mailboxes, parse_addresses
from mail.message.header import fields, unfold

_NAMED_IN: Final = frozenset({b"to", b"cc", b"bcc", b"resent-to", b"resent-cc", b"resent-bcc"})
_OF_LISTS: Final = b"list-"  # RFC 2369, RFC 2919
_BULK: Final = frozenset({b"bulk", b"list", b"junk"})  # RFC 3834 2: Precedence
_SUPPRESSING: Final = frozenset({b"all", b"oof", b"autoreply"})  # of X-Auto-Response-Suppress
# RFC 5230 4.6, and what sends reports and bounces.
_OF_MACHINES: Final = re.compile(
    r"(?:owner-.*|.*-(?:owner|request|bounces?)|mailer-daemon|postmaster|listserv|majordomo|"
    r"(?:.*[._-])?(?:no|do-?not|dont)[._-]?reply(?:[+._-].*)?|.*[+.-]bounces?(?:[+.=-].*)?)",
    re.IGNORECASE | re.DOTALL,
)


def why_not(head: bytes, sender: str, own: Collection[str]) -> str:
    """Why a message is not to be answered, in a few words; empty: it is. `sender`: the envelope's; `own`: the addresses
    of whom it was delivered to."""
    if not sender:
        return "from nobody"
    mine = {address.lower() for address in own}
    if sender.lower() in mine:
        return "from oneself"
    if _OF_MACHINES.fullmatch(sender.rpartition("@")[0]):
        return "from a machine"
    named = False
    for field in fields(head):
        name = field.name.lower()
        if name.startswith(_OF_LISTS):
            return "of a list"
        value = head[field.value_start : field.end]
        if name in _NAMED_IN:
            named = named or any(one.email.lower() in mine for one in mailboxes(parse_addresses(value)))
        elif why := _of_value(name, unfold(value).lower()):
            return why
    return "" if named else "not to an address of its recipient"


def _of_value(name: bytes, value: bytes) -> str:
    match name:
        case b"auto-submitted":  # RFC 3834 5: with parameters, and comments
            return "" if value.partition(b";")[0].partition(b"(")[0].strip() == b"no" else "of a machine"
        case b"precedence":
            return "in bulk" if value.strip() in _BULK else ""
        case b"x-auto-response-suppress":
            words = {word.strip() for word in value.split(b",")}
            return "not wanted" if words & _SUPPRESSING else ""
        case b"content-type":
            return "a report" if value.startswith(b"multipart/report") else ""
    return ""

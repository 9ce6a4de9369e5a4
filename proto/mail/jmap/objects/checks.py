"""What the types of properties do not say: texts without controls, addresses, dates, keys.

The law: a check gives the value as it is kept, or ValueError with words that name no value.
"""

import re
import unicodedata
from typing import Any, Final, TypeVar

import msgspec

from mail.jmap.dates import read_utc
from mail.jmap.limits import Limits
from mail.smtp.grammar import MAILBOX

ROLES: Final = frozenset({
    "all", "archive", "drafts", "flagged", "important", "inbox", "junk", "memos", "scheduled", "sent", "snoozed",
    "trash",
})  # fmt: skip
"""The mailbox attributes of the IANA registry that say what a mailbox is for, in lower case (RFC 8621 2)."""

# Controls of Unicode, and its line and paragraph separators: no part of a name (RFC 5198 2).
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]").search
_KEYWORD_OF_ESMTP: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}\Z").match
ADDRESS_MAX_BYTES: Final = 254
S = TypeVar("S", bound=str | None)


class EmailAddress(msgspec.Struct, forbid_unknown_fields=True):
    """RFC 8621 4.1.2.3."""

    email: str
    name: str | None = None


def mailbox_name(value: str, limits: Limits) -> str:
    """A name in Net-Unicode (RFC 8621 2, RFC 5198): composed, not empty, without controls."""
    composed = unicodedata.normalize("NFC", value)
    if not composed.strip():
        raise ValueError("it is empty")
    if len(composed.encode()) > limits.mailbox_name_max_bytes:
        raise ValueError("it is too long")
    return line(composed, limits)


def role(value: str | None, _limits: Limits) -> str | None:
    if value is not None and value not in ROLES:
        raise ValueError("there is no such role")
    return value


def line(value: S, limits: Limits) -> S:
    """A text that becomes part of a line."""
    if value is not None and (_CONTROL(value) or len(value) > limits.line_max_chars):
        raise ValueError("it has control characters, or is too long")
    return value


def text(value: S, limits: Limits) -> S:
    """A text of many lines."""
    if value is not None and len(value) > limits.body_max_chars:
        raise ValueError("it is too long")
    return value


def is_address(value: str) -> bool:
    """A Mailbox of RFC 5321."""
    octets = value.encode()
    return len(octets) <= ADDRESS_MAX_BYTES and MAILBOX.fullmatch(octets) is not None


def sender(value: str, _limits: Limits) -> str:
    """An address, or `*@` and a domain (RFC 8621 6)."""
    if not is_address(value):
        raise ValueError("it is no address")
    return value


def addresses(value: list[dict[str, Any]] | None, limits: Limits) -> list[dict[str, Any]] | None:
    """EmailAddress[] with both members each."""
    if value is None:
        return None
    if len(value) > limits.addresses_max:
        raise ValueError("there are too many")
    found = []
    for one in value:
        if not is_address(one["email"]):
            raise ValueError("an email is no address")
        found.append({"name": line(one.get("name"), limits), "email": one["email"]})
    return found


def moment(value: str | None, _limits: Limits) -> str | None:
    """A UTCDate."""
    if value is not None:
        read_utc(value)
    return value


def esmtp_parameters(value: dict[str, str | None] | None, limits: Limits) -> dict[str, str | None] | None:
    """Parameters of MAIL or RCPT (RFC 8621 7): names of RFC 5321, values without controls."""
    if value is None:
        return None
    if len(value) > limits.parameters_max:
        raise ValueError("there are too many parameters")
    if len({name.upper() for name in value}) < len(value):
        raise ValueError("a parameter is there twice")
    for name, one in value.items():
        if not _KEYWORD_OF_ESMTP(name):
            raise ValueError("a parameter has no name")
        line(one, limits)
    return value

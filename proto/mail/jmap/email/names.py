"""Names of properties: which an Email and an EmailBodyPart have, and `header:{name}:as{Form}:all` (RFC 8621 4.1.3).

The law: a form is given only for fields that may have it (4.1.2), whether they are read or written.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from mail.jmap.email.errors import InvalidArguments

# Given by the caller: they are not in the message, or may change (4.1.1).
METADATA: Final = ("id", "blobId", "threadId", "mailboxIds", "keywords", "receivedAt")
# Convenience property -> field and form (4.1.3).
CONVENIENT: Final = {
    "messageId": ("Message-ID", "MessageIds"),
    "inReplyTo": ("In-Reply-To", "MessageIds"),
    "references": ("References", "MessageIds"),
    "sender": ("Sender", "Addresses"),
    "from": ("From", "Addresses"),
    "to": ("To", "Addresses"),
    "cc": ("Cc", "Addresses"),
    "bcc": ("Bcc", "Addresses"),
    "replyTo": ("Reply-To", "Addresses"),
    "subject": ("Subject", "Text"),
    "sentAt": ("Date", "Date"),
}
BODIES: Final = ("textBody", "htmlBody", "attachments")
EMAIL: Final = frozenset(
    (*METADATA, *CONVENIENT, *BODIES, "size", "headers", "bodyStructure", "bodyValues", "hasAttachment", "preview")
)
# Where the arguments leave them out (4.2, 4.9).
DEFAULT_GET: Final = (
    *("id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt"),
    *("messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt"),
    *("hasAttachment", "preview", "bodyValues", "textBody", "htmlBody", "attachments"),
)
DEFAULT_PARSE: Final = tuple(name for name in DEFAULT_GET if name not in METADATA and name != "size")
DEFAULT_PART: Final = (
    *("partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location"),
)
PART: Final = frozenset((*DEFAULT_PART, "headers", "subParts"))

FORMS: Final = ("Raw", "Text", "Addresses", "GroupedAddresses", "MessageIds", "Date", "URLs")
_ADDRESSES: Final = frozenset({"Addresses", "GroupedAddresses"})
# Fields of RFC 5322 and RFC 2369 -> the forms they may have besides Raw; all other fields may have any.
_FORMS_OF: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(("return-path", "received"), frozenset[str]()),
    **dict.fromkeys(("subject", "comments", "keywords"), frozenset({"Text"})),
    **dict.fromkeys(("from", "sender", "reply-to", "to", "cc", "bcc"), _ADDRESSES),
    **dict.fromkeys(
        [f"resent-{name}" for name in ("from", "sender", "reply-to", "to", "cc", "bcc")], _ADDRESSES
    ),
    **dict.fromkeys(("message-id", "in-reply-to", "references", "resent-message-id"), frozenset({"MessageIds"})),
    **dict.fromkeys(("date", "resent-date"), frozenset({"Date"})),
    **dict.fromkeys(
        [f"list-{name}" for name in ("help", "unsubscribe", "subscribe", "post", "owner", "archive")],
        frozenset({"URLs"}),
    ),
}  # fmt: skip
PROPERTIES_MAX: Final = 200  # of one request or object; an Email has 24 and nobody shows a hundred header fields
# header-field-name: printable ASCII but the colon (RFC 5322 3.6.8)
_HEADER: Final = re.compile(
    r"header:([!-9;-~]{1,400})(?::as(Raw|Text|Addresses|GroupedAddresses|MessageIds|Date|URLs))?(:all)?"
)


class HeaderProperty(NamedTuple):
    """A `header:` property taken apart. `field` is as it was written, `key` in lower case."""

    field: str
    key: bytes
    form: str
    all: bool


@lru_cache(1000)
def header_property(name: str) -> HeaderProperty | None:
    """A property that begins with `header:`; None where it is not well formed or the field may not have the form."""
    match = _HEADER.fullmatch(name)
    if match is None:
        return None
    field, form = match[1], match[2] or "Raw"
    if not may_have(field, form):
        return None
    return HeaderProperty(field, field.lower().encode(), form, match[3] is not None)


def may_have(field: str, form: str) -> bool:
    """Whether this form of the field may be fetched and set (4.1.2)."""
    return form == "Raw" or field.lower() not in _FORMS_OF or form in _FORMS_OF[field.lower()]


def check_names(argument: str, names: tuple[str, ...], known: frozenset[str]) -> None:
    """Raises InvalidArguments for the first name that is none of `known` and no header that may be fetched so."""
    for name in names:
        if name not in known and header_property(name) is None:
            what = "a header property that cannot be fetched so" if name.startswith("header:") else "no property"
            raise InvalidArguments(argument, f"{name[:100]!a} is {what}")

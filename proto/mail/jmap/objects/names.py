"""The names of the properties of each type, and the capability without which one is not there.

The law: a /get answers for exactly these names; asking for another is invalidArguments (RFC 8620 5.1). What a
standard adds to the type of another is there only for who uses its capability (RFC 8620 1.8).
"""

from collections.abc import Container, Iterable
from typing import Final

from mail.jmap.capabilities import PRINCIPALS
from mail.jmap.errors import invalid_arguments

PROPERTIES: Final[dict[str, tuple[str, ...]]] = {
    "Mailbox": (
        "id", "name", "parentId", "role", "sortOrder", "totalEmails", "unreadEmails", "totalThreads", "unreadThreads",
        "myRights", "isSubscribed", "shareWith",
    ),
    "Thread": ("id", "emailIds"),
    "Email": (
        "id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "messageId", "inReplyTo",
        "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt", "headers", "bodyStructure",
        "bodyValues", "textBody", "htmlBody", "attachments", "hasAttachment", "preview",
    ),
    "Identity": ("id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete"),
    "EmailSubmission": (
        "id", "identityId", "emailId", "threadId", "envelope", "sendAt", "undoStatus", "deliveryStatus", "dsnBlobIds",
        "mdnBlobIds",
    ),
    "VacationResponse": ("id", "isEnabled", "fromDate", "toDate", "subject", "textBody", "htmlBody"),
    "PushSubscription": ("id", "deviceClientId", "url", "keys", "verificationCode", "expires", "types"),
    "Quota": (
        "id", "resourceType", "used", "hardLimit", "scope", "name", "types", "warnLimit", "softLimit", "description",
    ),
    "Principal": ("id", "type", "name", "description", "email", "timeZone", "capabilities", "accounts"),
    "ShareNotification": (
        "id", "created", "changedBy", "objectType", "objectAccountId", "objectId", "oldRights", "newRights", "name",
    ),
    "Blob": ("id", "data:asText", "data:asBase64", "data", "size"),
}  # fmt: skip

UNASKED: Final[dict[str, tuple[str, ...]]] = {
    # RFC 8621 4.2
    "Email": (
        "id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "messageId", "inReplyTo",
        "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt", "hasAttachment", "preview",
        "bodyValues", "textBody", "htmlBody", "attachments",
    ),
    # RFC 8620 7.2.1
    "PushSubscription": ("id", "deviceClientId", "verificationCode", "expires", "types"),
    # RFC 9404 4.2
    "Blob": ("id", "data", "size"),
}  # fmt: skip
"""What /get answers where no properties are asked for, of the types where that is not all of them."""

PARSED: Final = (
    "messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt",
    "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody", "attachments",
)  # fmt: skip
"""What Email/parse answers where no properties are asked for (RFC 8621 4.9)."""

ADDED: Final[dict[str, dict[str, str]]] = {"Mailbox": {"shareWith": PRINCIPALS}}
"""Properties with the capability that adds them."""

PREFIXES: Final[dict[str, str]] = {"Email": "header:", "Blob": "digest:"}
"""What names that are not in the table may begin with; who answers looks at the rest."""

SECRET: Final[dict[str, tuple[str, ...]]] = {"PushSubscription": ("url", "keys")}
"""What can be set and not be read: asking for it is forbidden (RFC 8620 7.2.1)."""


def unasked(kind: str, using: Container[str]) -> tuple[str, ...]:
    """The properties that a /get answers with where none are asked for."""
    added = ADDED.get(kind, {})
    return tuple(name for name in UNASKED.get(kind, PROPERTIES[kind]) if name not in added or added[name] in using)


def check_names(kind: str, names: Iterable[str], using: Container[str]) -> None:
    """invalidArguments where a property asked for is none of the type."""
    known, added, prefix = PROPERTIES[kind], ADDED.get(kind, {}), PREFIXES.get(kind)
    for name in names:
        if name in known:
            if name in added and added[name] not in using:
                raise invalid_arguments(f"{kind} has no property {name} without {added[name]}.", "properties")
        elif prefix is None or not name.startswith(prefix):
            raise invalid_arguments(f"{kind} has no property {name[:100]!r}.", "properties")

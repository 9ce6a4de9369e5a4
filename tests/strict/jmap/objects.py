"""The properties of each type and theirs (RFC 8621, 9404, 9425, 9670, 8620 7.2).

The law: as the standards have them, not as the server does: a property that is asked for is there, with a value of its
type; another is not.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.strict.jmap import values as v
from tests.strict.jmap.values import Type, fail

Properties = Mapping[str, Type]

RIGHTS: Final = dict.fromkeys(
    ("mayReadItems", "mayAddItems", "mayRemoveItems", "maySetSeen", "maySetKeywords", "mayCreateChild", "mayRename",
     "mayDelete", "maySubmit"), v.boolean,
)  # fmt: skip
ROLES: Final = (
    *(None, "all", "archive", "drafts", "flagged", "important", "inbox", "junk", "sent", "subscribed", "trash"),
    *("memos", "scheduled", "snoozed"),  # IANA
)


def _preview(value: Any, where: str) -> None:
    v.string(value, where)
    if len(value) > 256:
        fail(where, "longer than 256 characters (RFC 8621 4.1.4)", value)


ADDRESS: Final = v.members({"name": v.nullable(v.string), "email": v.string})
ADDRESSES: Final = v.listed(ADDRESS)
GROUP: Final = v.members({"name": v.nullable(v.string), "addresses": ADDRESSES})
TEXTS: Final = v.listed(v.string)
FORMS: Final[Properties] = {
    "Raw": v.string,
    "Text": v.string,
    "Addresses": ADDRESSES,
    "GroupedAddresses": v.listed(GROUP),
    "MessageIds": TEXTS,
    "Date": v.date,
    "URLs": TEXTS,
}
_HEADERS: Final = v.listed(v.members({"name": v.string, "value": v.string}))
PART: Final[Properties] = {
    "partId": v.nullable(v.string),
    "blobId": v.nullable(v.identifier),
    "size": v.unsigned,
    "headers": _HEADERS,
    "name": v.nullable(v.string),
    "type": v.string,
    "charset": v.nullable(v.string),
    "disposition": v.nullable(v.string),
    "cid": v.nullable(v.string),
    "language": v.nullable(TEXTS),
    "location": v.nullable(v.string),
}
PART_UNASKED: Final = tuple(name for name in PART if name != "headers")
BODIES: Final = ("textBody", "htmlBody", "attachments")
EMAIL: Final[Properties] = {
    "id": v.identifier,
    "blobId": v.identifier,
    "threadId": v.identifier,
    "mailboxIds": v.mapped(v.identifier, v.true, least=1),
    "keywords": v.mapped(v.keyword, v.true),
    "size": v.unsigned,
    "receivedAt": v.utc_date,
    "messageId": v.nullable(TEXTS),
    "inReplyTo": v.nullable(TEXTS),
    "references": v.nullable(TEXTS),
    **dict.fromkeys(("sender", "from", "to", "cc", "bcc", "replyTo"), v.nullable(ADDRESSES)),
    "subject": v.nullable(v.string),
    "sentAt": v.nullable(v.date),
    "headers": _HEADERS,
    "bodyValues": v.mapped(
        v.string, v.members({"value": v.string, "isEncodingProblem": v.boolean, "isTruncated": v.boolean})
    ),
    "hasAttachment": v.boolean,
    "preview": _preview,
}
PARSED_UNASKED: Final = (
    *("messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt"),
    *("hasAttachment", "preview", "bodyValues", *BODIES),
)
_ENVELOPE_ADDRESS: Final = v.members(
    {"email": v.string, "parameters": v.nullable(v.mapped(v.string, v.nullable(v.string)))}
)
_DELIVERY: Final = v.members({
    "smtpReply": v.string,
    "delivered": v.one_of("queued", "yes", "no", "unknown"),
    "displayed": v.one_of("unknown", "yes"),
})  # fmt: skip
KINDS: Final[Mapping[str, Properties]] = {
    "Mailbox": {
        "id": v.identifier,
        "name": v.string,
        "parentId": v.nullable(v.identifier),
        "role": v.one_of(*ROLES),
        **dict.fromkeys(("sortOrder", "totalEmails", "unreadEmails", "totalThreads", "unreadThreads"), v.unsigned),
        "myRights": v.members(RIGHTS, {"mayShare": v.boolean}),
        "isSubscribed": v.boolean,
        "shareWith": v.nullable(v.mapped(v.identifier, v.members(RIGHTS, {"mayShare": v.boolean}))),
    },
    "Thread": {"id": v.identifier, "emailIds": v.identifiers},
    "Identity": {
        "id": v.identifier,
        "name": v.string,
        "email": v.string,
        "replyTo": v.nullable(ADDRESSES),
        "bcc": v.nullable(ADDRESSES),
        "textSignature": v.string,
        "htmlSignature": v.string,
        "mayDelete": v.boolean,
    },
    "EmailSubmission": {
        **dict.fromkeys(("id", "identityId", "emailId", "threadId"), v.identifier),
        "envelope": v.nullable(v.members({"mailFrom": _ENVELOPE_ADDRESS, "rcptTo": v.listed(_ENVELOPE_ADDRESS)})),
        "sendAt": v.utc_date,
        "undoStatus": v.one_of("pending", "final", "canceled"),
        "deliveryStatus": v.nullable(v.mapped(v.string, _DELIVERY)),
        "dsnBlobIds": v.identifiers,
        "mdnBlobIds": v.identifiers,
    },
    "VacationResponse": {
        "id": v.one_of("singleton"),
        "isEnabled": v.boolean,
        "fromDate": v.nullable(v.utc_date),
        "toDate": v.nullable(v.utc_date),
        **dict.fromkeys(("subject", "textBody", "htmlBody"), v.nullable(v.string)),
    },
    "PushSubscription": {
        "id": v.identifier,
        "deviceClientId": v.string,
        "verificationCode": v.nullable(v.string),
        "expires": v.nullable(v.utc_date),
        "types": v.nullable(TEXTS),
    },
    "Quota": {
        "id": v.identifier,
        "resourceType": v.one_of("count", "octets"),
        "used": v.unsigned,
        "hardLimit": v.unsigned,
        "scope": v.one_of("account", "domain", "global"),
        "name": v.string,
        "types": TEXTS,
        "warnLimit": v.nullable(v.unsigned),
        "softLimit": v.nullable(v.unsigned),
        "description": v.nullable(v.string),
    },
    "Principal": {
        "id": v.identifier,
        "type": v.one_of("individual", "group", "resource", "location", "other"),
        "name": v.string,
        "description": v.nullable(v.string),
        "email": v.nullable(v.string),
        "timeZone": v.nullable(v.string),
        "capabilities": v.mapped(v.string, v.anything),
        "accounts": v.nullable(v.mapped(v.identifier, v.anything)),
    },
    "ShareNotification": {
        "id": v.identifier,
        "created": v.utc_date,
        "changedBy": v.members(
            {"name": v.string, "email": v.nullable(v.string), "principalId": v.nullable(v.identifier)}
        ),
        "objectType": v.string,
        "objectAccountId": v.identifier,
        "objectId": v.identifier,
        "oldRights": v.nullable(v.mapped(v.string, v.boolean)),
        "newRights": v.nullable(v.mapped(v.string, v.boolean)),
        "name": v.string,
    },
}
UNASKED: Final[Mapping[str, tuple[str, ...]]] = {
    "Email": (*(name for name in EMAIL if name != "headers"), *BODIES),
}


def read_object(kind: str, value: Any, asked: Mapping[str, Any], where: str) -> None:
    """An object in the answer to a /get. `asked`: its arguments."""
    properties = asked.get("properties")
    if kind == "Email":
        names = UNASKED["Email"] if properties is None else properties
        read_email(value, {"id", *names}, asked, where)
        return
    known = KINDS[kind]
    if properties is not None:
        v.members({name: known[name] for name in {"id", *properties}})(value, where)
    else:  # what another standard adds is there for who uses it
        added = {"shareWith", "timeZone"}
        needed = {name: one for name, one in known.items() if name not in added}
        v.members(needed, known)(value, where)


def read_email(value: Any, names: Iterable[str], asked: Mapping[str, Any], where: str) -> None:
    """An Email with these properties (RFC 8621 4.2)."""
    parts = asked.get("bodyProperties")
    part_names = PART_UNASKED if parts is None else tuple(parts)
    wanted: dict[str, Type] = {}
    for name in names:
        if name == "bodyStructure":
            wanted[name] = lambda part, at: read_part(part, part_names, at, is_tree=True)
        elif name in BODIES:
            wanted[name] = v.listed(lambda part, at: read_part(part, part_names, at))
        else:
            wanted[name] = EMAIL.get(name) or header_type(name)
    v.members(wanted)(value, where)
    _values(value, asked, where)


def _values(email: Mapping[str, Any], asked: Mapping[str, Any], where: str) -> None:
    """Only what was asked for is in bodyValues, and no longer than it may be."""
    found = email.get("bodyValues", {})
    if found and not any(asked.get(name) for name in asked if name.startswith("fetch")):
        fail(where, "body values that nobody asked for", found)
    most = asked.get("maxBodyValueBytes") or 0
    for one in found.values():
        if most and len(one["value"].encode()) > most:
            fail(where, f"a body value of more than {most} octets", one)


def read_part(part: Any, names: Iterable[str], where: str, *, is_tree: bool = False) -> None:
    """An EmailBodyPart; where structure is told, with the parts below (RFC 8621 4.1.4)."""
    wanted: dict[str, Type] = {name: PART.get(name) or header_type(name) for name in names if name != "subParts"}

    def below(value: Any, at: str) -> None:
        v.nullable(v.listed(lambda one, place: read_part(one, names, place, is_tree=is_tree)))(value, at)

    if is_tree or "subParts" in names:
        v.members(wanted, {"subParts": below})(part, where)
    else:
        v.members(wanted)(part, where)
    if part.get("subParts") and (part.get("partId") is not None or part.get("blobId") is not None):
        fail(where, "a multipart has no partId and no blobId", part)
    if part.get("type", "").startswith("multipart/") and not is_tree:
        fail(where, "no multipart is in a list of bodies", part)


def header_type(name: str) -> Type:
    """Of a property `header:...` (RFC 8621 4.1.3). Raises KeyError for what is none."""
    words = name.split(":")
    if words[0] != "header" or not 2 <= len(words) <= 4:
        raise KeyError(name)
    is_all = words[-1] == "all" and len(words) > 2
    form = words[2][2:] if len(words) > 2 and words[2].startswith("as") else "Raw"
    one = v.nullable(FORMS[form])
    return v.listed(one) if is_all else one

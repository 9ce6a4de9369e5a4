"""Mailbox, Identity and VacationResponse as clients set them (RFC 8621 2, 6, 8, RFC 9670 4).

The law: as in kinds.py.
"""

from typing import Annotated, Final

import msgspec

from mail.jmap.ids import IdOrCreated, all_ids
from mail.jmap.limits import Limits
from mail.jmap.objects import checks
from mail.jmap.objects.kinds import Kind, Property

RIGHTS: Final = (
    "mayReadItems", "mayAddItems", "mayRemoveItems", "maySetSeen", "maySetKeywords", "mayCreateChild", "mayRename",
    "mayDelete", "maySubmit", "mayShare",
)  # fmt: skip
"""MailboxRights (RFC 8621 2), and the right to share, which IMAP calls `a`."""

_SERVER: Final = Property(server=True)
_ID: Final = Property(server=True, fixed=True)
_SORT_ORDER_MAX: Final = 2**31 - 1


def _share_with(value: dict[str, dict[str, bool]] | None, limits: Limits) -> dict[str, dict[str, bool]] | None:
    """Id[MailboxRights]|null (RFC 9670 4); a right that is left out is not given."""
    if value is None:
        return None
    if len(value) > limits.sharees_max or not all_ids(value):
        raise ValueError("its keys are not ids of principals, or too many")
    for rights in value.values():
        if not rights.keys() <= set(RIGHTS):
            raise ValueError("there is no such right")
    return {who: {name: rights.get(name, False) for name in RIGHTS} for who, rights in value.items()} or None


MAILBOX: Final = Kind(
    name="Mailbox",
    properties={
        "id": _ID,
        "name": Property(type=str, clean=checks.mailbox_name),
        "parentId": Property(type=IdOrCreated | None, default=None, refers=True),
        "role": Property(type=str | None, default=None, clean=checks.role),
        "sortOrder": Property(type=Annotated[int, msgspec.Meta(ge=0, le=_SORT_ORDER_MAX)], default=0),
        "totalEmails": _SERVER,
        "unreadEmails": _SERVER,
        "totalThreads": _SERVER,
        "unreadThreads": _SERVER,
        "myRights": _SERVER,
        "isSubscribed": Property(type=bool, default=True),
        "shareWith": Property(type=dict[str, dict[str, bool]] | None, default=None, clean=_share_with),
    },
)

_ADDRESSES: Final = Property(type=list[checks.EmailAddress] | None, default=None, clean=checks.addresses)

IDENTITY: Final = Kind(
    name="Identity",
    properties={
        "id": _ID,
        "name": Property(type=str, default="", clean=checks.line),
        "email": Property(type=str, fixed=True, clean=checks.sender),
        "replyTo": _ADDRESSES,
        "bcc": _ADDRESSES,
        "textSignature": Property(type=str, default="", clean=checks.text),
        "htmlSignature": Property(type=str, default="", clean=checks.text),
        "mayDelete": _SERVER,
    },
)

VACATION_RESPONSE: Final = Kind(
    name="VacationResponse",
    properties={
        "id": _ID,
        "isEnabled": Property(type=bool, default=False),
        "fromDate": Property(type=str | None, default=None, clean=checks.moment),
        "toDate": Property(type=str | None, default=None, clean=checks.moment),
        "subject": Property(type=str | None, default=None, clean=checks.line),
        "textBody": Property(type=str | None, default=None, clean=checks.text),
        "htmlBody": Property(type=str | None, default=None, clean=checks.text),
    },
)

PRINCIPAL: Final = Kind(
    name="Principal",
    properties={
        "id": _ID,
        "type": Property(type=str),
        "name": Property(type=str, clean=checks.line),
        "description": Property(type=str | None, default=None, clean=checks.text),
        "email": Property(type=str | None, default=None, clean=checks.line),
        "timeZone": Property(type=str | None, default=None, clean=checks.line),
        "capabilities": _SERVER,
        "accounts": _SERVER,
    },
)
"""RFC 9670 2; what may be changed is the server's to say, with `forbidden`."""

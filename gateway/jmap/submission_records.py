"""What is kept of a submission, and how clients see it (RFC 8621 7).

The law: a record never becomes larger than an object may be; what is told of a recipient is what the queue said last.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from actors.mailbox.types import OBJECT_BYTES_MAX
from gateway.jmap.turn import Reached
from mail.jmap.dates import utc

KIND: Final = "EmailSubmission"
BEGUN: Final = "EmailSubmissionBegun"
PREFIX: Final = "S"
VERSION: Final = 1
REPLY_CHARS_MAX: Final = 300
SHORT_CHARS: Final = 9  # a code and a status
ROOM_BYTES: Final = 12_000  # of a record, for what becomes of it
PLACE_BYTES: Final = 8  # that a recipient's entry and reply take

Delivered = Literal["queued", "no", "unknown", "yes"]
ORDER: Final[tuple[Delivered, ...]] = ("queued", "no", "unknown", "yes")
"""What is told where a recipient leads to several places: the first of these that is so of any."""
Undo = Literal["pending", "final", "canceled"]
Parameters = dict[str, str | None]


class Recipient(msgspec.Struct, frozen=True, array_like=True):
    """One of RCPT. `here`: it is in a mailbox; `places`: of its entries among those of the submission, and its own in
    each; `how`: in ORDER; `reply`: of `replies` of the submission."""

    email: str
    parameters: Parameters | None = None
    here: bool = False
    places: tuple[tuple[int, int], ...] = ()
    how: int = 0
    reply: int = 0
    displayed: bool = False

    @property
    def delivered(self) -> Delivered:
        """As it is told."""
        return ORDER[self.how]


class Submission(msgspec.Struct, frozen=True, array_like=True):
    """As it is kept. `entries`: of the queue. `relayed`: some of it cannot be called back. `marked_ms`: since when it
    is being called back."""

    version: int
    born: int
    ident: str
    identity: str
    email: int
    thread: int
    sender: str
    parameters: Parameters | None
    recipients: tuple[Recipient, ...]
    entries: tuple[bytes, ...] = ()
    replies: tuple[str, ...] = ("250 2.0.0 Ok",)
    made_ms: int = 0
    send_ms: int = 0
    relayed: bool = False
    canceled: bool = False
    marked_ms: int = 0
    message_id: str = ""
    dsns: tuple[str, ...] = ()
    mdns: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether the queue has no more to say of it."""
        return self.canceled or all(one.delivered != "queued" for one in self.recipients)

    @property
    def undo(self) -> Undo:
        """undoStatus."""
        if self.canceled:
            return "canceled"
        return "final" if self.relayed or self.settled else "pending"


class Begun(msgspec.Struct, frozen=True, array_like=True):
    """A submission that is under way since then. `failed`: its sender was told that it is not, though some of it may
    have been queued: it goes on under the same name if he asks for it again, and else never."""

    version: int
    at_ms: int
    submission: Submission
    failed: bool = False


class Status(msgspec.Struct, frozen=True):
    """Of one recipient."""

    delivered: Delivered
    reply: str


decoder: Final = msgspec.msgpack.Decoder(Submission)
begun_decoder: Final = msgspec.msgpack.Decoder(Begun)
encode: Final = msgspec.msgpack.Encoder().encode


def fits(one: Submission) -> bool:
    """Whether there is room for all that may become of it."""
    return len(encode(one)) + PLACE_BYTES * len(one.recipients) <= OBJECT_BYTES_MAX - ROOM_BYTES


def with_statuses(one: Submission, statuses: Mapping[int, Status], *, relayed: bool) -> Submission:
    """The same with what is known now of some of its recipients, by their places."""
    replies = {reply: place for place, reply in enumerate(one.replies)}
    recipients = list(one.recipients)
    for place, status in statuses.items():
        number = replies.setdefault(status.reply[:REPLY_CHARS_MAX], len(replies))
        recipients[place] = replace(recipients[place], how=ORDER.index(status.delivered), reply=number)
    used = sorted({recipient.reply for recipient in recipients})
    texts = list(replies)
    moved = {number: place for place, number in enumerate(used)}
    changed = replace(
        one,
        recipients=tuple(replace(recipient, reply=moved[recipient.reply]) for recipient in recipients),
        replies=tuple(texts[number] for number in used),
        relayed=one.relayed or relayed,
    )
    if len(encode(changed)) <= OBJECT_BYTES_MAX:
        return changed
    return replace(changed, replies=tuple(reply[:SHORT_CHARS] for reply in changed.replies))


def json_of(reached: Reached, name: str, one: Submission) -> dict[str, Any]:
    """The EmailSubmission."""
    return {
        "id": name,
        "identityId": one.identity,
        "emailId": reached.email_id(one.email),
        "threadId": reached.thread_id(one.thread),
        "envelope": {
            "mailFrom": {"email": one.sender, "parameters": one.parameters},
            "rcptTo": [{"email": each.email, "parameters": each.parameters} for each in one.recipients],
        },
        "sendAt": utc(one.send_ms // 1000),
        "undoStatus": one.undo,
        "deliveryStatus": {
            each.email: {
                "smtpReply": one.replies[each.reply],
                "delivered": each.delivered,
                "displayed": "yes" if each.displayed else "unknown",
            }
            for each in one.recipients
        },
        "dsnBlobIds": list(one.dsns),
        "mdnBlobIds": list(one.mdns),
    }

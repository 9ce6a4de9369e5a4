"""Writes a notification (RFC 8098 3): words for people, fields for programs, and the message where that is wanted.

The law: it is for the null reverse-path (RFC 8098 2.1), goes to whom the message asked for only, and says of the
recipient what it was given; no text of a client ends a field.
"""

from typing import Any, Final, NamedTuple

from mail.dsn.addresses import typed
from mail.jmap.email.create import write
from mail.jmap.email.encoded import LINE_BYTES_MAX, fold, text_pieces
from mail.jmap.email.errors import Refused
from mail.jmap.email.fields import BadValue, addresses, ids, token
from mail.jmap.email.plan import PartPlan, Plan
from mail.mdn.wanted import Request, Wanted

ORIGINAL_BYTES_MAX: Final = 10 * 1024 * 1024  # of a message that is sent back
# Whether each word begins with MDN in capitals is nothing to a parser; RFC 8098 3.2.6 writes it so.
_SENDING: Final = {"mdn-sent-manually": "MDN-sent-manually", "mdn-sent-automatically": "MDN-sent-automatically"}
_SUBJECTS: Final = {
    "displayed": "Read",
    "deleted": "Deleted",
    "dispatched": "Passed on",
    "processed": "Processed",
}
_WORDS: Final = {
    "displayed": "has been displayed",
    "deleted": "has been deleted",
    "dispatched": "has been passed on",
    "processed": "has been processed",
}
_FIELDS: Final = "fields"
_ORIGINAL: Final = "original"


class Original(NamedTuple):
    """The message that asked. `raw` is needed where it is to be sent back."""

    message_id: str | None
    subject: str | None
    raw: bytes | None = None


class Sender(NamedTuple):
    """Who answers: the Identity of MDN/send."""

    name: str | None
    email: str


class Built(NamedTuple):
    """The message, whom it goes to, and the properties of the MDN that the client did not set."""

    message: bytes
    to: tuple[str, ...]
    set_by_server: dict[str, Any]


def build(
    wanted: Wanted, request: Request, original: Original, sender: Sender, *, message_id: str, now_ms: int
) -> Built:
    """The notification. `message_id` is its own. Raises Refused (`tooLarge`) where the message is not to be sent back,
    and ValueError where it is wanted and missing."""
    original = original._replace(message_id=_usable(original.message_id))
    final = wanted.final_recipient or typed(sender.email, utf8=True).replace(";", "; ", 1)
    subject = wanted.subject if wanted.subject is not None else _subject(wanted, original)
    words = wanted.text if wanted.text is not None else _text(wanted, sender)
    blobs = {_FIELDS: _fields(wanted, request, original, final)}
    is_ascii = blobs[_FIELDS].isascii()
    kind = "disposition-notification" if is_ascii else "global-disposition-notification"  # RFC 6533 5
    parts = [PartPlan("text", "plain", value=words), PartPlan("message", kind, blob_id=_FIELDS)]
    if wanted.include_original:
        blobs[_ORIGINAL] = _returned(original)
        parts.append(PartPlan("message", "rfc822", blob_id=_ORIGINAL))
    root = PartPlan("multipart", "report", (("report-type", "disposition-notification"),), children=tuple(parts))
    message = write(Plan(_header(request, original, sender, subject), root), blobs, message_id, now_ms)
    return Built(message, request.to, _set_by_server(wanted, request, original, final, subject, words))


def _usable(message_id: str | None) -> str | None:
    """The id, unless somebody wrote what cannot be written again."""
    try:
        return None if message_id is None else token(message_id, "an id")
    except BadValue:
        return None


def _header(request: Request, original: Original, sender: Sender, subject: str) -> dict[str, bytes]:
    written = {
        "from": addresses("From", [{"name": sender.name, "email": sender.email}]),
        "to": addresses("To", [{"email": address} for address in request.to]),
        "subject": fold("Subject", text_pieces(subject)),
    }
    if original.message_id is not None:
        written["in-reply-to"] = ids("In-Reply-To", [original.message_id])
        written["references"] = ids("References", [original.message_id])
    written["auto-submitted"] = b"Auto-Submitted: auto-replied\r\n"  # RFC 3834 5
    return written


def _fields(wanted: Wanted, request: Request, original: Original, final: str) -> bytes:
    """disposition-notification-content (RFC 8098 3.1)."""
    mode = f"{wanted.action_mode}/{_SENDING[wanted.sending_mode]}; {wanted.type}"
    fields = [
        ("Reporting-UA", wanted.reporting_ua),
        ("Original-Recipient", request.original_recipient),
        ("Final-Recipient", final),
        ("Original-Message-ID", None if original.message_id is None else f"<{original.message_id}>"),
        ("Disposition", mode),
        *wanted.extensions,
    ]
    return b"".join([_field(name, value) for name, value in fields if value])


def _field(name: str, value: str) -> bytes:
    """On one line, which is not to be longer than one may be."""
    return f"{name}: {value}".encode("utf-8", "replace")[:LINE_BYTES_MAX].decode("utf-8", "ignore").encode() + b"\r\n"


def _returned(original: Original) -> bytes:
    if original.raw is None:
        raise ValueError("the message is wanted back, and was not given")
    if len(original.raw) > ORIGINAL_BYTES_MAX:
        raise Refused("tooLarge", f"a message over {ORIGINAL_BYTES_MAX} octets is not sent back")
    return original.raw


def _subject(wanted: Wanted, original: Original) -> str:
    word = _SUBJECTS[wanted.type]
    return f"{word}: {original.subject[:500]}" if original.subject else word


def _text(wanted: Wanted, sender: Sender) -> str:
    return f"Your message to {sender.email} {_WORDS[wanted.type]}. That is not to say that it has been understood.\n"


def _set_by_server(
    wanted: Wanted, request: Request, original: Original, final: str, subject: str, words: str
) -> dict[str, Any]:
    """What MDN/send answers (RFC 9007 2.1): every property that has a value the client did not give."""
    found: dict[str, Any] = {}
    if wanted.final_recipient is None:
        found["finalRecipient"] = final
    if original.message_id is not None:
        found["originalMessageId"] = f"<{original.message_id}>"
    if request.original_recipient is not None:
        found["originalRecipient"] = request.original_recipient
    if wanted.subject is None:
        found["subject"] = subject
    if wanted.text is None:
        found["textBody"] = words
    return found

"""What asks for a notification, and the MDN object that a client sends (RFC 8098 2.1, RFC 9007 2).

The law: an object that passed has only texts that fit on the lines they will be on.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from mail.jmap.email.errors import Refused
from mail.jmap.email.forms import text
from mail.message.address import mailboxes, parse_addresses
from mail.message.header import values

TEXT_CHARS_MAX: Final = 100_000  # of textBody
VALUE_CHARS_MAX: Final = 900
EXTENSIONS_MAX: Final = 20
ASKED_BYTES_MAX: Final = 4000  # of Disposition-Notification-To
RECIPIENTS_MAX: Final = 10  # a sender asks for one; who wants a list told has a list
ACTION_MODES: Final = ("manual-action", "automatic-action")
SENDING_MODES: Final = ("mdn-sent-manually", "mdn-sent-automatically")
TYPES: Final = ("deleted", "dispatched", "displayed", "processed")
_SERVER_SET: Final = frozenset({"mdnGateway", "originalRecipient", "originalMessageId", "error"})
_TEXTS: Final = {"subject": VALUE_CHARS_MAX, "reportingUA": VALUE_CHARS_MAX, "finalRecipient": VALUE_CHARS_MAX}
_MODES: Final = {"actionMode": ACTION_MODES, "sendingMode": SENDING_MODES, "type": TYPES}
_LINE: Final = re.compile("[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*")
_RECIPIENT: Final = re.compile(r"[A-Za-z0-9-]{1,64};\s*\S.*")  # address-type ";" generic-address (RFC 8098 3.2.4)
_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
# Fields that the notification has already, or that would say what was not so (RFC 8098 3.1).
_OURS: Final = frozenset(
    {
        *("reporting-ua", "mdn-gateway", "original-recipient", "final-recipient", "original-message-id"),
        *("disposition", "error"),
    }
)
# What a notification is sent to, however odd the field that asked for it is.
_ADDRESS: Final = re.compile("[^<>\x00-\x20\x7f-\x9f\u2028\u2029\ufffd]{1,320}")


class Request(NamedTuple):
    """A message's wish: where the notification goes, and the address it was first sent to (RFC 8098 2.1, 2.3)."""

    to: tuple[str, ...]
    original_recipient: str | None


class Wanted(NamedTuple):
    """A checked MDN object."""

    for_email: str
    subject: str | None
    text: str | None
    include_original: bool
    reporting_ua: str | None
    action_mode: str
    sending_mode: str
    type: str
    final_recipient: str | None
    extensions: tuple[tuple[str, str], ...]


def request_of(header: bytes) -> Request | None:
    """What a message's header asks for; None where it asks for nothing that can be sent anywhere."""
    asked = values(header, b"disposition-notification-to")
    if not asked:
        return None
    to = tuple(
        address.email
        for address in mailboxes(parse_addresses(asked[-1][:ASKED_BYTES_MAX]))
        if _is_address(address.email)
    )[:RECIPIENTS_MAX]
    if not to:
        return None
    original = [text(value)[:VALUE_CHARS_MAX] for value in values(header, b"original-recipient")]
    return Request(to, original[-1] if original and _RECIPIENT.fullmatch(original[-1]) else None)


def _is_address(address: str) -> bool:
    return "@" in address and _ADDRESS.fullmatch(address) is not None


def wanted_of(mdn: Mapping[str, Any]) -> Wanted:
    """The object of MDN/send. Raises Refused with the names of all properties that are not as they must be."""
    given = {name: value for name, value in mdn.items() if value is not None}
    wrong = {name: "set by the server" for name in given if name in _SERVER_SET}
    wrong |= {name: "no property of an MDN" for name in given if name not in _KNOWN}
    if not isinstance(given.get("forEmailId"), str):
        wrong["forEmailId"] = "the id of an Email"
    for name, chars_max in _TEXTS.items():
        if name in given and not _is_line(given[name], chars_max):
            wrong[name] = f"a text on one line of at most {chars_max} characters"
    if "finalRecipient" not in wrong and not _RECIPIENT.fullmatch(given.get("finalRecipient", "rfc822; x")):
        wrong["finalRecipient"] = "a type and an address, as in `rfc822; a@b.example`"
    body = given.get("textBody", "")
    if not isinstance(body, str) or len(body) > TEXT_CHARS_MAX:
        wrong["textBody"] = f"a text of at most {TEXT_CHARS_MAX} characters"
    if not isinstance(given.get("includeOriginalMessage", False), bool):
        wrong["includeOriginalMessage"] = "true or false"
    disposition = given.get("disposition")
    wrong |= _wrong_disposition(disposition)
    extensions = given.get("extensionFields", {})
    if not _are_extensions(extensions):
        wrong["extensionFields"] = f"at most {EXTENSIONS_MAX} fields that are not the notification's own"
    if wrong or not isinstance(disposition, dict):
        name, reason = next(iter(wrong.items()))
        raise Refused("invalidProperties", f"{name[:100]}: {reason}", tuple(wrong))
    return Wanted(
        given["forEmailId"],
        given.get("subject"),
        given.get("textBody"),
        given.get("includeOriginalMessage", False),
        given.get("reportingUA"),
        disposition["actionMode"],
        disposition["sendingMode"],
        disposition["type"],
        given.get("finalRecipient"),
        tuple(extensions.items()),
    )


_KNOWN: Final = (
    _SERVER_SET
    | _TEXTS.keys()
    | {
        *("forEmailId", "textBody", "includeOriginalMessage", "disposition", "extensionFields"),
    }
)


def _is_line(value: Any, chars_max: int) -> bool:
    return isinstance(value, str) and len(value) <= chars_max and _LINE.fullmatch(value) is not None


def _wrong_disposition(disposition: Any) -> dict[str, str]:
    if not isinstance(disposition, dict) or disposition.keys() - _MODES.keys():
        return {"disposition": "an object with actionMode, sendingMode and type"}
    return {
        f"disposition/{name}": f"one of {', '.join(allowed)}"
        for name, allowed in _MODES.items()
        if disposition.get(name) not in allowed
    }


def _are_extensions(fields: Any) -> bool:
    if not isinstance(fields, dict) or len(fields) > EXTENSIONS_MAX:
        return False
    names = {name.lower() for name in fields if isinstance(name, str)}
    return (
        len(names) == len(fields)
        and not names & _OURS
        and all(_NAME.fullmatch(name) and _is_line(value, VALUE_CHARS_MAX) for name, value in fields.items())
    )

"""Reads a notification (RFC 3464, 6533), of whatever make.

The law: any bytes give a Parsed or None, nothing else leaves; what it holds is bounded, and is what somebody wrote, not
what is true.
"""

import re
from typing import Final, NamedTuple

from mail.dsn.addresses import unembedded
from mail.message.content import content_of
from mail.message.header import fields, unfold
from mail.message.limits import DEFAULT
from mail.message.part import Part
from mail.message.scan import scan

RECIPIENTS_MAX: Final = 1000
STATUS_BYTES_MAX: Final = 1024 * 1024
VALUE_CHARS_MAX: Final = 2000
_STATUS_TYPES: Final = frozenset({"delivery-status", "global-delivery-status"})
_GROUP: Final = re.compile(rb"\n\r?\n[\r\n]*")
_STATUS: Final = re.compile(r"\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})")


class ParsedRecipient(NamedTuple):
    """The fields of one recipient; those absent are empty. Addresses are without their type, decoded."""

    final: str
    original: str
    action: str  # lower case
    status: str
    remote: str
    diagnostic: str
    last_attempt: str
    will_retry_until: str


class Parsed(NamedTuple):
    """A notification. `original_id`: the Message-ID of the message it is about, without <>."""

    reporting: str
    envid: str
    arrived: str
    recipients: tuple[ParsedRecipient, ...]
    original_id: str


def parse(message: bytes) -> Parsed | None:
    """The notification in a message; None where it is none."""
    root = scan(message)
    report_type = dict(root.parameters).get(b"report-type", b"delivery-status")
    if (root.type, root.subtype) != ("multipart", "report") or report_type.lower() != b"delivery-status":
        return None
    status = next((part for part in root.children if part.type == "message" and part.subtype in _STATUS_TYPES), None)
    if status is None:
        return None
    content = _content(message, status)[:STATUS_BYTES_MAX]
    groups = [group for group in _GROUP.split(content, RECIPIENTS_MAX + 1) if group.strip()]
    if len(groups) < 2:
        return None
    about = _values(groups[0])
    told = tuple(map(_recipient, groups[1 : RECIPIENTS_MAX + 1]))
    told = tuple(one for one in told if one.final or one.original)
    if not told:
        return None
    return Parsed(
        _untyped(about.get("reporting-mta", "")),
        about.get("original-envelope-id", ""),
        about.get("arrival-date", ""),
        told,
        _original_id(message, root),
    )


def _content(message: bytes, part: Part) -> bytes:
    """A part's bytes, also where the scan read it as a message in a message."""
    plain = part.children and part.encoding in ("7bit", "8bit", "binary")
    return message[part.body : part.end] if plain else content_of(message, part)


def _recipient(group: bytes) -> ParsedRecipient:
    values = _values(group)
    status = _STATUS.match(values.get("status", ""))
    return ParsedRecipient(
        _address(values.get("final-recipient", "")),
        _address(values.get("original-recipient", "")),
        values.get("action", "").lower().split(" ")[0],
        status[1] if status else "",
        _untyped(values.get("remote-mta", "")),
        _untyped(values.get("diagnostic-code", "")),
        values.get("last-attempt-date", ""),
        values.get("will-retry-until", ""),
    )


def _values(group: bytes) -> dict[str, str]:
    """The first of each field, by its name in lower case."""
    found: dict[str, str] = {}
    for field in fields(group):
        value = unfold(group[field.value_start : field.end]).decode("utf-8", "replace")
        found.setdefault(field.name.decode("ascii", "replace").lower(), value[:VALUE_CHARS_MAX])
    return found


def _untyped(value: str) -> str:
    return value.partition(";")[2].strip()


def _address(value: str) -> str:
    kind, _, address = value.partition(";")
    address = address.strip()
    return unembedded(address) if kind.strip().lower() == "utf-8" else address


def _original_id(message: bytes, root: Part) -> str:
    for part in root.children:
        if part.subtype not in ("rfc822", "rfc822-headers", "global", "global-headers"):
            continue
        content = _content(message, part)[: DEFAULT.header_bytes_max]
        for field in fields(content.lstrip(b"\r\n")):
            if field.name.lower() == b"message-id":
                value = unfold(content.lstrip(b"\r\n")[field.value_start : field.end])
                return value.decode("utf-8", "replace").strip().strip("<>")[:VALUE_CHARS_MAX]
    return ""

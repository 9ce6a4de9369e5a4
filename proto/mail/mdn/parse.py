"""Reads a notification (RFC 8098 3, RFC 6533 5) into the MDN object of MDN/parse (RFC 9007 2).

The law: any bytes give an object of bounded texts, or None; what it says is what somebody wrote, not what is so.
"""

import re
from typing import Any, Final

from mail.jmap.email.bodies import leaves, tree
from mail.jmap.email.forms import text
from mail.mdn.wanted import ACTION_MODES, EXTENSIONS_MAX, SENDING_MODES, TEXT_CHARS_MAX, TYPES
from mail.message.content import content_of, text_of
from mail.message.header import fields
from mail.message.limits import Limits
from mail.message.part import Part
from mail.message.record import Record

FIELDS_BYTES_MAX: Final = 64 * 1024
FIELD_CHARS_MAX: Final = 2000
ERRORS_MAX: Final = 20
_NOTIFICATIONS: Final = frozenset({"disposition-notification", "global-disposition-notification"})
_ONCE: Final = {
    "reporting-ua": "reportingUA",
    "mdn-gateway": "mdnGateway",
    "original-recipient": "originalRecipient",
    "final-recipient": "finalRecipient",
    "original-message-id": "originalMessageId",
}
_LIMITS: Final = Limits(fields_max=100)
_COMMENT: Final = re.compile(r"\([^()]*+\)")
# disposition-mode ";" disposition-type ["/" modifiers] (RFC 8098 3.2.6), any case, white space anywhere.
_DISPOSITION: Final = re.compile(r"\s*([a-z-]+)\s*/\s*([a-z-]+)\s*;\s*([a-z-]+)\s*(?:/.*)?", re.DOTALL)


def parse(raw: bytes, record: Record) -> dict[str, Any] | None:
    """The object, without `forEmailId`, which is the caller's to find by `original_id`; None where it is no MDN."""
    root = record.root
    report_type = dict(root.parameters).get(b"report-type", b"")
    if (root.type, root.subtype) != ("multipart", "report") or report_type.lower() != b"disposition-notification":
        return None
    part = next((one for one in root.children if one.type == "message" and one.subtype in _NOTIFICATIONS), None)
    if part is None:
        return None
    found = _read(content_of(raw, part)[:FIELDS_BYTES_MAX])
    if found is None:
        return None
    words = _words(raw, root)
    return {
        "subject": record.subject,
        "textBody": words,
        "includeOriginalMessage": root.children[-1] is not part and root.children[-1].type == "message",
        **found,
    }


def original_id(mdn: dict[str, Any]) -> str | None:
    """The Message-ID without angle brackets that the notification is about."""
    written = mdn.get("originalMessageId")
    return written.strip().removeprefix("<").removesuffix(">") or None if isinstance(written, str) else None


def _words(raw: bytes, root: Part) -> str | None:
    """The first text of the report's first part."""
    first = root.children[0]
    for node in leaves(tree(first)):
        if (node.part.type, node.part.subtype) == ("text", "plain"):
            return text_of(raw, node.part).replace("\r\n", "\n")[:TEXT_CHARS_MAX]
    return None


def _read(content: bytes) -> dict[str, Any] | None:
    """The fields; None without a disposition that RFC 8098 knows."""
    found: dict[str, Any] = dict.fromkeys(_ONCE.values())
    errors: list[str] = []
    extensions: dict[str, str] = {}
    disposition = None
    for field in fields(content, 0, None, _LIMITS):
        name = field.name.decode("ascii", "replace")
        key = name.lower()
        value = text(content[field.value_start : field.end])[:FIELD_CHARS_MAX]
        if key in _ONCE:
            found[_ONCE[key]] = found[_ONCE[key]] or value or None
        elif key == "disposition":
            disposition = disposition or _disposition(value)
        elif key == "error":
            errors.append(value)
        elif len(extensions) < EXTENSIONS_MAX:
            extensions.setdefault(name, value)
    if disposition is None:
        return None
    found |= {"disposition": disposition, "error": errors[:ERRORS_MAX] or None, "extensionFields": extensions or None}
    return found


def _disposition(value: str) -> dict[str, str] | None:
    """In lower case, as RFC 9007 2 has it; a word that it does not have makes it none."""
    match = _DISPOSITION.fullmatch(_COMMENT.sub(" ", value).lower())
    if match is None:
        return None
    action, sending, kind = match.groups()
    if action not in ACTION_MODES or sending not in SENDING_MODES or kind not in TYPES:
        return None
    return {"actionMode": action, "sendingMode": sending, "type": kind}

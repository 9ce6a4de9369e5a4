"""Writes a notification: multipart/report of words, fields, and the message or its header (RFC 3464, 6522, 6533).

The law: every line is at most 998 bytes and ends in CRLF; nothing that a remote server or a sender wrote can end a
field or a part. It is for the null reverse-path, and is never made for a message that came from there.
"""

import re
from base64 import encodebytes
from typing import Final, NamedTuple

from mail.dsn.addresses import clean, original, typed
from mail.dsn.report import Report, Told
from mail.dsn.words import subject, text
from mail.message.date import format_date
from mail.message.header import header_end

FULL_BYTES_MAX: Final = 1024 * 1024  # a message that is returned whole where the sender asked for it
UNASKED_BYTES_MAX: Final = 50_000  # and where it did not say
HEAD_BYTES_MAX: Final = 64 * 1024  # of a header that is returned
FIELD_CHARS_MAX: Final = 1500  # of a field's value, folded into lines
LINE_BYTES_MAX: Final = 998  # RFC 5322 2.1.1
_FOLD_AT: Final = 76
_LONG_LINE: Final = re.compile(rb"[^\n]{999}")
_STATUS: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_SPACES: Final = re.compile(r"[ \t\r\n]+")


class Built(NamedTuple):
    """The notification; `smtputf8`: its header holds UTF-8 (RFC 6531), so it needs that to be sent; `eight_bit`: its
    body does."""

    message: bytes
    smtputf8: bool
    eight_bit: bool


def build(report: Report) -> Built:
    """The notification as a message, from no MIME-Version of anybody but itself."""
    utf8 = not report.sender.isascii()  # who has such an address can read such a header
    parts = [_words(report), _fields(report, utf8=utf8)]
    if report.original is not None:
        parts.append(_returned(report, report.original, utf8=utf8))
    eight_bit = not all(part.isascii() for part in parts)
    edge = report.boundary.encode()
    body = b"".join(b"--%b\r\n%b\r\n" % (edge, part) for part in parts) + b"--%b--\r\n" % edge
    return Built(_header(report, eight_bit=eight_bit) + body, utf8, eight_bit)


def _header(report: Report, *, eight_bit: bool) -> bytes:
    fields = [
        f"From: Mail Delivery System <postmaster@{report.host}>",
        f"To: <{clean(report.sender)}>",
        f"Subject: {subject(report)}",
        f"Date: {format_date(report.now_ms).decode()}",
        f"Message-ID: <{report.message_id}>",
    ]
    if report.original_id and report.original_id.isascii() and report.original_id == clean(report.original_id):
        identifier = report.original_id[:900]
        fields += [f"In-Reply-To: <{identifier}>", f"References: <{identifier}>"]
    fields += [
        "Auto-Submitted: auto-replied",  # RFC 3834 5
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="{report.boundary}"',
        f"Content-Transfer-Encoding: {'8bit' if eight_bit else '7bit'}",
    ]
    return "\r\n".join([*fields, "", ""]).encode()


def _words(report: Report) -> bytes:
    written = text(report)
    lines = b"\r\n".join(line.encode("utf-8", "replace")[:LINE_BYTES_MAX] for line in written.split("\n"))
    if lines.isascii():
        return _part("text/plain; charset=us-ascii", lines)
    return _part("text/plain; charset=utf-8", encodebytes(lines).replace(b"\n", b"\r\n"), "base64")


def _part(kind: str, body: bytes, encoding: str = "7bit") -> bytes:
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body


def _fields(report: Report, *, utf8: bool) -> bytes:
    """message/delivery-status, or message/global-delivery-status where it holds UTF-8 (RFC 6533 4)."""
    groups = [_of_message(report), *(_of_recipient(told, utf8=utf8) for told in report.recipients)]
    body = "\r\n".join("".join(map(_field, group)) for group in groups).encode("utf-8", "replace")
    if utf8 and not body.isascii():
        return _part("message/global-delivery-status", body, "8bit")
    return _part("message/delivery-status", body)


def _of_message(report: Report) -> list[tuple[str, str]]:
    """RFC 3464 2.2; RFC 3461 6.3 (a) to (c)."""
    fields = [("Original-Envelope-Id", _ascii(report.envid))] if report.envid else []
    fields.append(("Reporting-MTA", f"dns; {_ascii(report.host)}"))
    if report.arrived_ms:
        fields.append(("Arrival-Date", format_date(report.arrived_ms).decode()))
    return fields


def _of_recipient(told: Told, *, utf8: bool) -> list[tuple[str, str]]:
    """RFC 3464 2.3; RFC 3461 6.3 (d) and on: Original-Recipient only where the sender gave it."""
    fields = [("Original-Recipient", first)] if (first := original(told.original, utf8=utf8)) else []
    fields += [
        ("Final-Recipient", typed(told.final, utf8=utf8)),
        ("Action", told.action),
        ("Status", _status(told)),
    ]
    if told.remote:
        fields.append(("Remote-MTA", f"dns; {_ascii(told.remote)}"))
    if told.said and told.action in ("failed", "delayed", "relayed", "delivered"):
        fields.append(("Diagnostic-Code", _diagnostic(told, utf8=utf8)))
    if told.at_ms:
        fields.append(("Last-Attempt-Date", format_date(told.at_ms).decode()))
    if told.until_ms and told.action == "delayed":
        fields.append(("Will-Retry-Until", format_date(told.until_ms).decode()))
    return fields


def _status(told: Told) -> str:
    """Its class is the action's (RFC 3464 2.3.4), but for what was given up after temporary failures."""
    if _STATUS.fullmatch(told.status) and (told.action in ("failed", "delayed") or told.status[0] == "2"):
        return told.status
    return {"failed": "5.0.0", "delayed": "4.0.0"}.get(told.action, "2.0.0")


def _diagnostic(told: Told, *, utf8: bool) -> str:
    said = clean(_SPACES.sub(" ", told.said))
    if not utf8:
        said = _ascii(said)
    if not told.code:
        return f"X-Rookery; {said}"
    if said.startswith(str(told.code)):
        return f"smtp; {said}"
    status = f"{told.status} " if told.status and told.status not in said and _STATUS.fullmatch(told.status) else ""
    return f"smtp; {told.code} {status}{said}"


def _ascii(value: str) -> str:
    return clean(value).encode("ascii", "replace").decode()


def _field(field: tuple[str, str]) -> str:
    """A field, folded at spaces; what has none is cut at what a line may have."""
    name, value = field
    lines, line = [], f"{name}:"
    for word in value[:FIELD_CHARS_MAX].split(" "):
        word = word.encode()[: LINE_BYTES_MAX - 100].decode("utf-8", "ignore")
        if len(line) + 1 + len(word) > _FOLD_AT and line != f"{name}:" and line.strip():
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line]) + "\r\n"


def _returned(report: Report, message: bytes, *, utf8: bool) -> bytes:
    """The message or its header (RFC 3461 4.3: whole only in a notification of failure)."""
    end = header_end(message, 0, len(message))
    head = _head(message[:end])
    most = {"FULL": FULL_BYTES_MAX, "HDRS": 0, "": UNASKED_BYTES_MAX}[report.ret]
    whole = any(told.action == "failed" for told in report.recipients) and len(message) <= most and _is_mail(message)
    if whole:
        kind = "message/rfc822" if head.isascii() else "message/global"
        if kind == "message/rfc822" or utf8:
            return _part(kind, message, "7bit" if message.isascii() else "8bit")
        return _part(kind, encodebytes(message).replace(b"\n", b"\r\n"), "base64")  # RFC 6532 3.7 allows it
    if head.isascii():
        return _part("text/rfc822-headers", head)
    if utf8:
        return _part("message/global-headers", head, "8bit")
    return _part("message/global-headers", encodebytes(head).replace(b"\n", b"\r\n"), "base64")


def _head(head: bytes) -> bytes:
    """As much of a header as is returned, whole lines."""
    lines = head.replace(b"\0", b"?").splitlines()
    kept, size = [], 0
    for line in lines:
        size += len(line) + 2
        if size > HEAD_BYTES_MAX:
            break
        if line:
            kept.append(line[:LINE_BYTES_MAX])
    return b"\r\n".join([*kept, b""])


def _is_mail(message: bytes) -> bool:
    """Whether it can be returned as it is: no NUL, no line that is too long, every line end CRLF."""
    return (
        b"\0" not in message
        and not _LONG_LINE.search(message)
        and message.count(b"\n") == message.count(b"\r") == message.count(b"\r\n")
    )

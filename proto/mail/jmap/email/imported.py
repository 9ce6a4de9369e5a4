"""What Email/import and Email/parse ask of a blob (RFC 8621 4.8, 4.9).

The law: the header alone decides.
"""

from typing import Any, Final

from mail.message.date import Date, parse_date
from mail.message.header import fields
from mail.message.record import Record

_LAST_BYTES: Final = 300  # of a Received field; its date is behind the last semicolon


def is_email(raw: bytes, record: Record) -> bool:
    """Whether a blob is a message: it begins with a header field, and has no NUL in its header."""
    return b"\0" not in raw[: record.root.body] and bool(fields(raw, 0, record.root.body))


def received_at(raw: bytes, record: Record) -> Date | None:
    """The time of the most recent Received field (RFC 5322 3.6.7), which is the first; None where it says none."""
    for field in fields(raw, 0, record.root.body):
        if field.name.lower() == b"received":
            _, semicolon, date = raw[field.value_start : field.end][-_LAST_BYTES:].rpartition(b";")
            return parse_date(date) if semicolon else None
    return None


def parsed_metadata(names: tuple[str, ...], blob_id: str) -> dict[str, Any]:
    """What Email/parse shows of the properties that a stored Email would have (4.9): nothing but the blob."""
    return {name: blob_id if name == "blobId" else None for name in names}

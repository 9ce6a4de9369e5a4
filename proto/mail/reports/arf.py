"""Abuse and failure reports: ARF (RFC 5965) with the fields of RFC 6591, 6692 and 9991; read and written.

The law: what is read is bounded; field names count in any case, the first of a field that may stand once. What is
written carries the header of the message it is about, no more of it than it was given, and never a bare line end.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from mail.reports.errors import ReportError

FIELDS_MAX: Final = 200
VALUE_CHARS_MAX: Final = 4000
REPORT_BYTES_MAX: Final = 256 * 1024
# May be repeated: RFC 5965 3.3, RFC 6591 3.1.
REPEATED: Final = ("authentication-results", "original-rcpt-to", "reported-domain", "reported-uri")

_FIELD: Final = re.compile(r"([!-9;-~]{1,80}):[ \t]*((?:[^\n]|\n[ \t])*)")


class Feedback(NamedTuple):
    """The machine-readable part. `fields` has the names in lower case; `type`: abuse, auth-failure, fraud, virus,
    not-spam, other (RFC 5965 7.3)."""

    type: str
    fields: Mapping[str, tuple[str, ...]]

    def first(self, name: str) -> str:
        """The value of a field, empty where it is not there."""
        found = self.fields.get(name.lower(), ())
        return found[0] if found else ""


def parse(data: bytes) -> Feedback:
    """Read a message/feedback-report part. Raises ReportError."""
    if len(data) > REPORT_BYTES_MAX:
        raise ReportError("a feedback report of this size is none")
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    fields: dict[str, tuple[str, ...]] = {}
    for number, found in enumerate(_FIELD.finditer(text)):
        if number >= FIELDS_MAX:
            break
        name = found[1].lower()
        value = re.sub(r"\n[ \t]+", " ", found[2]).strip()[:VALUE_CHARS_MAX]
        if name not in fields:
            fields[name] = (value,)
        elif name in REPEATED:
            fields[name] = (*fields[name], value)
    kind = fields.get("feedback-type", ("",))[0].lower()
    if not kind:
        raise ReportError("it does not say what kind of feedback it is")
    return Feedback(kind, fields)


def render(fields: Sequence[tuple[str, str]]) -> bytes:
    """The machine-readable part, of names and values in order."""
    lines = [f"{name}: {_one_line(value)}" for name, value in fields if value]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "replace")


def _one_line(value: str) -> str:
    return " ".join(value.split())[:VALUE_CHARS_MAX]

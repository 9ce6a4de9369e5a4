"""Reports in a message that was received.

The law: at most PARTS_MAX parts are looked at, each within the bounds of its reader; what cannot be read is a problem
in words, never an error.
"""

from typing import Final, NamedTuple

from mail.message.content import content_of
from mail.message.part import Part
from mail.message.scan import scan
from mail.message.words import file_name
from mail.reports import aggregate, arf, tls
from mail.reports.aggregate import Aggregate
from mail.reports.arf import Feedback
from mail.reports.errors import ReportError
from mail.reports.tls import TlsReport
from mail.reports.unpack import unpacked

PARTS_MAX: Final = 50
_GZIP_TYPES: Final = ("gzip", "x-gzip", "zip", "x-zip", "x-zip-compressed", "octet-stream", "gzip-compressed")
_NAMES: Final = (".xml", ".xml.gz", ".zip", ".json", ".json.gz", ".gz")


class Found(NamedTuple):
    """What a message reports."""

    reports: tuple[Aggregate | TlsReport | Feedback, ...]
    problems: tuple[str, ...]


def reports_in(raw: bytes) -> Found:
    """All reports of a message, in its order."""
    reports: list[Aggregate | TlsReport | Feedback] = []
    problems: list[str] = []
    for part in _leaves(scan(raw))[:PARTS_MAX]:
        if not _may_be(part):
            continue
        try:
            reports.append(_read(raw, part))
        except ReportError as error:
            problems.append(str(error))
    return Found(tuple(reports), tuple(problems))


def _read(raw: bytes, part: Part) -> Aggregate | TlsReport | Feedback:
    content = content_of(raw, part)
    if part.subtype == "feedback-report":
        return arf.parse(content)
    data = unpacked(content)
    if part.subtype.startswith("tlsrpt") or data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return tls.parse(data)
    return aggregate.parse(data)


def _may_be(part: Part) -> bool:
    """By its type; what says nothing by its type, by its name or its first bytes."""
    if part.type == "message":
        return part.subtype == "feedback-report"
    if part.subtype in ("xml", "tlsrpt+json", "tlsrpt+gzip", "json"):
        return True
    name = (file_name(part.disposition_parameters, part.parameters) or "").lower()
    return name.endswith(_NAMES) or (part.type == "application" and part.subtype in _GZIP_TYPES)


def _leaves(part: Part) -> list[Part]:
    """Parts without children, in order; not those of messages in the message, which are somebody else's."""
    found: list[Part] = []
    waiting = [part]
    while waiting:
        one = waiting.pop()
        if one.is_multipart:
            waiting += reversed(one.children)
        else:
            found.append(one)
    return found

"""The messages that carry reports (RFC 7489 7.2.1.1, RFC 8460 5.3, RFC 5965 2), without the trace fields of sending.

The law: the same report makes the same bytes; boundaries are made from the content, so none can stand in it; lines end
in CRLF.
"""

import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from mail.message.date import format_date
from mail.reports import arf
from mail.reports.unpack import gzipped

CRLF: Final = b"\r\n"
_BASE64_LINE: Final = 57  # bytes that make 76 characters
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")


class Mailing(NamedTuple):
    """Who writes to whom, when. `name`: what Message-ID begins with, the same for the same report."""

    sender: str
    to: tuple[str, ...]
    name: str
    host: str
    at_ms: int


def aggregate_message(mailing: Mailing, *, domain: str, submitter: str, begin_s: int, end_s: int, xml: bytes) -> bytes:
    """A DMARC aggregate report, gzipped (RFC 7489 7.2.1.1)."""
    report_id = mailing.name
    subject = f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{report_id}>"
    stem = "!".join(_UNSAFE.sub("_", part) for part in (submitter, domain, str(begin_s), str(end_s), report_id))
    text = f"This is a DMARC aggregate report for {domain}, made by {submitter}.\r\n".encode()
    attached = _attachment(b"application/gzip", f"{stem}.xml.gz", gzipped(xml))
    return _message(mailing, subject, b"multipart/mixed", b"", [_text(text), attached])


def tls_message(mailing: Mailing, *, domain: str, submitter: str, begin_s: int, end_s: int, json: bytes) -> bytes:
    """A TLS report, gzipped (RFC 8460 5.3). TLS-Required: No (RFC 8460 3): it must come through broken TLS."""
    report_id = mailing.name
    subject = f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{report_id}>"
    stem = "!".join(_UNSAFE.sub("_", part) for part in (submitter, domain, str(begin_s), str(end_s), report_id))
    more = f"TLS-Report-Domain: {domain}\r\nTLS-Report-Submitter: {submitter}\r\nTLS-Required: No\r\n".encode()
    text = f"This is a TLS report for {domain}, made by {submitter}.\r\n".encode()
    attached = _attachment(b"application/tlsrpt+gzip", f"{stem}.json.gz", gzipped(json))
    kind = b'multipart/report; report-type="tlsrpt"'
    return _message(mailing, subject, kind, more, [_text(text), attached])


def error_message(mailing: Mailing, *, domain: str, submitter: str, size_bytes: int, uris: Sequence[str]) -> bytes:
    """That a DMARC aggregate report is larger than whoever wants it takes (RFC 7489 7.2.2)."""
    fields = [
        ("Report-Date", format_date(mailing.at_ms).decode()),
        ("Report-Domain", domain),
        ("Report-ID", mailing.name),
        ("Report-Size", str(size_bytes)),
        ("Submitter", submitter),
        *[("Submitting-URI", uri) for uri in uris],
    ]
    words = f"The DMARC aggregate report for {domain} is larger than its addresses take, and was not sent.\r\n"
    subject = f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{mailing.name}> too large"
    return _message(mailing, subject, b"multipart/mixed", b"", [_text(arf.render(fields)), _text(words.encode())])


def feedback_message(
    mailing: Mailing, *, subject: str, words: str, fields: Sequence[tuple[str, str]], headers: bytes
) -> bytes:
    """An abuse or failure report with the headers of the message it is about (RFC 5965 2, RFC 6591 3)."""
    report = b"Content-Type: message/feedback-report\r\n\r\n" + arf.render(fields)
    about = b"Content-Type: text/rfc822-headers; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    parts = [_text(words.encode()), report, about + _base64(headers)]
    return _message(mailing, subject, b'multipart/report; report-type="feedback-report"', b"", parts)


def _message(mailing: Mailing, subject: str, kind: bytes, more: bytes, parts: Sequence[bytes]) -> bytes:
    boundary = b"=_" + hashlib.sha256(b"\0".join(parts)).hexdigest()[:40].encode()  # "=_" is in no base64 or our texts
    head = (
        f"From: {mailing.sender}\r\n"
        f"To: {', '.join(mailing.to)}\r\n"
        f"Subject: {' '.join(subject.split())}\r\n"
        f"Date: {format_date(mailing.at_ms).decode()}\r\n"
        f"Message-ID: <{mailing.name}@{mailing.host}>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
    ).encode()
    body = b"".join(b"--" + boundary + CRLF + part + CRLF for part in parts)
    kind_field = b"Content-Type: " + kind + b';\r\n\tboundary="' + boundary + b'"\r\n'
    return head + more + kind_field + CRLF + body + b"--" + boundary + b"--\r\n"


def _text(text: bytes) -> bytes:
    return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + _base64(text)


def _attachment(kind: bytes, name: str, data: bytes) -> bytes:
    head = b"Content-Type: %b\r\nContent-Transfer-Encoding: base64\r\n" % kind
    head += b'Content-Disposition: attachment;\r\n\tfilename="%b"\r\n\r\n' % name.encode()
    return head + _base64(data)


def _base64(data: bytes) -> bytes:
    lines = (data[at : at + _BASE64_LINE] for at in range(0, len(data), _BASE64_LINE))
    return b"".join(binascii.b2a_base64(line, newline=False) + CRLF for line in lines)

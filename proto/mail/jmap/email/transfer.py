"""Content-Transfer-Encoding of what is written (RFC 2045 6).

The law: decoded, the bytes are what they were; encoded, no line is over 998 octets, every line ends in CRLF, and only
an encapsulated message may have bytes over 127.
"""

import binascii
import re
from base64 import encodebytes
from typing import Final, NamedTuple

from mail.jmap.email.encoded import LINE_BYTES_MAX

_LONG_LINE: Final = re.compile(rb"[^\n]{%d}" % (LINE_BYTES_MAX + 2))  # its CR is one of them
_LONE_END: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class Encoded(NamedTuple):
    """A body and the name of its encoding."""

    body: bytes
    encoding: str


def of_text(text: str) -> tuple[Encoded, str]:
    """A text whose lines end in LF or CRLF, and the charset that it is written in."""
    lines = text.replace("\r\n", "\n").replace("\n", "\r\n")
    data = lines.encode("utf-8", "replace")
    if _is_seven_bit(data):
        return Encoded(data, "7bit"), "us-ascii"
    charset = "us-ascii" if data.isascii() else "utf-8"
    foreign = len(data) - len(data.translate(None, bytes(range(128, 256))))
    if foreign * 6 > len(data):  # quoted-printable would be longer than base64, and as hard to read
        return _base64(data), charset
    return Encoded(_quoted(data), "quoted-printable"), charset


def of_bytes(data: bytes, *, is_text: bool) -> Encoded:
    """A blob, byte by byte."""
    return Encoded(data, "7bit") if is_text and _is_seven_bit(data) else _base64(data)


def of_message(data: bytes) -> Encoded:
    """A message, which must not be encoded (RFC 2046 5.2.1) unless it cannot stand as it is (RFC 6532 3.7)."""
    if not _is_lines(data):
        return _base64(data)
    return Encoded(data, "7bit" if data.isascii() else "8bit")


def _is_seven_bit(data: bytes) -> bool:
    return data.isascii() and _is_lines(data)


def _is_lines(data: bytes) -> bool:
    return b"\0" not in data and not _LONE_END.search(data) and not _LONG_LINE.search(data)


def _base64(data: bytes) -> Encoded:
    return Encoded(encodebytes(data)[:-1].replace(b"\n", b"\r\n"), "base64")


def _quoted(data: bytes) -> bytes:
    """Line by line, for only the ends of lines are to stand as they are."""
    return b"\r\n".join([binascii.b2a_qp(line, istext=False).replace(b"\n", b"\r\n") for line in data.split(b"\r\n")])

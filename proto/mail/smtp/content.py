"""The bytes of a message on the wire: DATA with its dots (RFC 5321 4.5.2) and BDAT chunks (RFC 3030).

Only CRLF "." CRLF ends DATA (RFC 5321 2.3.8, 4.1.1.4). No other byte sequence may ever be taken for an end, and
none that is not CRLF for the end of a line: the gap between two servers' ideas of it is how mail is smuggled in.
"""

import re
from enum import Enum

_END = b"\r\n.\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n")
_BARE_CR = re.compile(rb"\r(?!\n)")


class Newlines(Enum):
    """What to do with a message that has a CR or an LF outside CRLF."""

    REFUSE = "refuse"
    NEUTRALISE = "neutralise"
    """A bare LF becomes CRLF, a bare CR becomes a space: after the end was found, so that it never makes one."""


class Content:
    """Collects one message; stops keeping, but goes on reading, when it is too large."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._kept = bytearray()
        self.overflow_bytes = 0
        """How many bytes were read and thrown away; above 0 there is no message to take."""

    def add_chunk(self, chunk: bytes) -> None:
        """Bytes of a BDAT chunk, as they are."""
        if self.overflow_bytes or len(self._kept) + len(chunk) > self._bytes_max:
            self.overflow_bytes += len(self._kept) + len(chunk)
            self._kept.clear()
        else:
            self._kept += chunk

    def take(self, newlines: Newlines | None) -> bytes | None:
        """The message; None when it has bare CR or LF and these are refused. `newlines` None leaves them (binary)."""
        return _checked(self._kept, newlines)


class DottedContent(Content):
    """Collects the bytes of DATA up to the end.

    A virtual CRLF stands before the first byte, so that the first line is like any other; dots are removed from the
    whole at once. Stuffing makes a message at most 4/3 as long (lines of one dot), so this much is kept.
    """

    def __init__(self, bytes_max: int) -> None:
        super().__init__(bytes_max)
        self._raw_bytes_max = 2 + bytes_max + bytes_max // 3 + 5
        self._kept += b"\r\n"

    def feed(self, data: bytes, start: int) -> int:
        """Take `data` from `start` on; the position behind the end of the message, or -1 when it has not come."""
        kept = self._kept
        before = len(kept)
        kept += memoryview(data)[start:] if start else data
        end = kept.find(_END, before - 4 if before > 4 else 0)
        if end >= 0:
            used = start + end + len(_END) - before
            del kept[end + 2 :]  # the CRLF before the dot belongs to the message
            return used
        if len(kept) > self._raw_bytes_max or self.overflow_bytes:
            self.overflow_bytes += len(kept) - 4
            del kept[:-4]  # an end may lie across the next seam
        return -1

    def take(self, newlines: Newlines | None) -> bytes | None:
        """The message without stuffed dots; see `Content.take`."""
        kept = self._kept
        if b"\r\n." in kept:
            kept = kept.replace(b"\r\n.", b"\r\n")
        del kept[:2]
        self._kept = kept
        return _checked(kept, newlines)


def _checked(kept: bytearray, newlines: Newlines | None) -> bytes | None:
    body = bytes(kept)
    if newlines is None:
        return body
    pairs = body.count(b"\r\n")
    if pairs == body.count(b"\n") and pairs == body.count(b"\r"):
        return body
    if newlines is Newlines.REFUSE:
        return None
    return _BARE_CR.sub(b" ", _BARE_LF.sub(b"\r\n", body))

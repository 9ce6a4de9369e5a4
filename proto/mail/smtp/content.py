"""The bytes of a message on the wire: DATA with its dots (RFC 5321 4.5.2) and BDAT chunks (RFC 3030).

Only CRLF "." CRLF ends DATA (RFC 5321 2.3.8, 4.1.1.4). No other byte sequence may ever be taken for an end, and
none that is not CRLF for the end of a line: the gap between two servers' ideas of it is how mail is smuggled in.
"""

import re
from enum import Enum
from typing import Final

import numpy as np

_END = b"\r\n.\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n")
_BARE_CR = re.compile(rb"\r(?!\n)")
_GATHERED_BELOW_BYTES: Final = 4096  # smaller pieces are gathered, so that a message sent byte by byte stays small
_GATHER_BYTES: Final = 64 * 1024
_ARRAYS_ABOVE_BYTES: Final = 16 * 1024  # below, three counts are quicker than making arrays


class Newlines(Enum):
    """What to do with a message that has a CR or an LF outside CRLF."""

    REFUSE = "refuse"
    NEUTRALISE = "neutralise"
    """A bare LF becomes CRLF, a bare CR becomes a space: after the end was found, so that it never makes one."""


class Content:
    """Collects one message; stops keeping, but goes on reading, when it is too large.

    Pieces are kept as they come and joined once: appending a megabyte to one buffer copies it many times.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._pieces: list[bytes] = []
        self._gathered = bytearray()
        self._size = 0
        self.overflow_bytes = 0
        """How many bytes were read and thrown away; above 0 there is no message to take."""

    def add_chunk(self, chunk: bytes) -> None:
        """Bytes of a BDAT chunk, as they are."""
        self._keep(chunk)

    def take(self, newlines: Newlines | None) -> bytes | None:
        """The message; None when it has bare CR or LF and these are refused. `newlines` None leaves them (binary)."""
        return _checked(self._joined(), newlines)

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self.overflow_bytes or self._size > self._bytes_max:
            self.overflow_bytes = self._size
            self._pieces.clear()
            self._gathered.clear()
        elif len(piece) < _GATHERED_BELOW_BYTES:
            self._gathered += piece
            if len(self._gathered) >= _GATHER_BYTES:
                self._flush()
        else:
            self._flush()
            self._pieces.append(piece)

    def _flush(self) -> None:
        if self._gathered:
            self._pieces.append(bytes(self._gathered))
            self._gathered.clear()

    def _joined(self) -> bytes:
        self._flush()
        return b"".join(self._pieces)


class DottedContent(Content):
    """Collects the bytes of DATA up to the end.

    A virtual CRLF stands before the first byte, so that the first line is like any other; dots are removed from the
    whole at once. Stuffing makes a message at most 4/3 as long (lines of one dot), so this much is kept.
    """

    def __init__(self, bytes_max: int) -> None:
        super().__init__(2 + bytes_max + bytes_max // 3 + len(_END))
        self._seam = b"\r\n"  # the last bytes, in which an end may have begun
        self._keep(self._seam)
        self._surplus = 0  # bytes kept at the end that belong to the end

    def feed(self, data: bytes, start: int) -> int:
        """Take `data` from `start` on; the position behind the end of the message, or -1 when it has not come."""
        piece = data[start:] if start else data
        seam = self._seam
        at = (seam + piece[: len(_END) - 1]).find(_END) - len(seam)
        if not -len(seam) <= at < 0:
            at = piece.find(_END)
            if at < 0:
                self._keep(piece)
                self._seam = (seam + piece)[1 - len(_END) :] if len(piece) < len(_END) else piece[1 - len(_END) :]
                return -1
        message_end = at + 2  # the CRLF before the dot belongs to the message
        if message_end > 0:
            self._keep(piece[:message_end])
        self._surplus = max(0, -message_end)
        return start + at + len(_END)

    def take(self, newlines: Newlines | None) -> bytes | None:
        """The message without stuffed dots; see `Content.take`."""
        kept = self._joined()
        if self._surplus:
            kept = kept[: -self._surplus]
        if b"\r\n." in kept:
            kept = kept.replace(b"\r\n.", b"\r\n")
        return _checked(kept[2:], newlines)


def _checked(body: bytes, newlines: Newlines | None) -> bytes | None:
    if newlines is None or _is_clean(body):
        return body
    if newlines is Newlines.REFUSE:
        return None
    return _BARE_CR.sub(b" ", _BARE_LF.sub(b"\r\n", body))


def _is_clean(body: bytes) -> bool:
    """Whether every CR and LF is of a CRLF."""
    if len(body) < _ARRAYS_ABOVE_BYTES:
        pairs = body.count(b"\r\n")
        return pairs == body.count(b"\n") and pairs == body.count(b"\r")
    octets = np.frombuffer(body, np.uint8)
    cr, lf = octets == 0x0D, octets == 0x0A
    return not (cr[-1] or lf[0]) and bool((cr[:-1] == lf[1:]).all())

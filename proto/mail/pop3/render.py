r"""What a server says (RFC 1939 3, RFC 2449 3), octet for octet.

The law: a response never ends before it should, whatever a message holds: where any client may see a line begin (after
CRLF, and after a CR or an LF alone, of which a stored message may have some), a dot is doubled. No status line is
longer than 512 octets, or begins with a bracket that is no response code.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

PIECE_BYTES: Final = 256 * 1024  # of a message at a time: what is sent ahead of a client is bounded
TEXT_MAX: Final = 400  # characters; a status line ends at 512 octets with its code (RFC 2449 4)
END: Final = b".\r\n"
_BLOCK_BYTES: Final = 16 * 1024  # of a body whose lines are counted at once
_UNSAFE: Final = re.compile(r"[^\x20-\x7e]+")


def ok(text: str = "") -> bytes:
    """A positive status line."""
    return b"+OK %b\r\n" % _safe(text) if text else b"+OK\r\n"


def err(text: str, code: str = "") -> bytes:
    """A negative status line. `code` is a response code (RFC 2449 8) without its brackets."""
    return b"-ERR [%b] %b\r\n" % (code.encode(), _safe(text)) if code else b"-ERR %b\r\n" % _safe(text)


def _safe(text: str) -> bytes:
    """text = *schar / resp-code *CHAR: without a code, no bracket."""
    return _UNSAFE.sub("?", text[:TEXT_MAX]).replace("[", "(").encode()


def listing(lines: Iterable[str]) -> bytes:
    """The lines of a multi-line response and its end, for lines of our own that begin with no dot."""
    return "".join(f"{line}\r\n" for line in lines).encode() + END


def message(content: bytes) -> Iterator[bytes]:
    """A message as the lines of a multi-line response, and its end, in pieces.

    As many octets as the message has, but for the doubled dots, and a CRLF at the end if it has none. A NUL, which
    a line may not have (RFC 2449 3), becomes octet 128.
    """
    end = END if not content or content.endswith(b"\r\n") else b"\r\n" + END
    last = max(len(content) - 1, 0) // PIECE_BYTES * PIECE_BYTES
    for start in range(0, last + 1, PIECE_BYTES):
        piece = _stuffed(content[start : start + PIECE_BYTES])
        if piece.startswith(b".") and (not start or content[start - 1] in b"\r\n"):
            piece = b"." + piece
        yield piece + end if start == last else piece


def _stuffed(piece: bytes) -> bytes:
    """Dots at the beginning of lines are doubled, but for the piece's own first octet."""
    if b"\n." in piece:
        piece = piece.replace(b"\n.", b"\n..")
    if b"\r." in piece:
        piece = piece.replace(b"\r.", b"\r..")
    if b"\0" in piece:
        piece = piece.replace(b"\0", b"\x80")
    return piece


def top(content: bytes, body: int, lines: int) -> bytes:
    """The header of a message (up to `body`) with so many lines of what follows (RFC 1939 7)."""
    at = body
    while lines and at < len(content):
        count = content.count(b"\n", at, at + _BLOCK_BYTES)
        if count < lines:
            lines -= count
            at = min(at + _BLOCK_BYTES, len(content))
            continue
        for _ in range(lines):
            at = content.index(b"\n", at) + 1
        break
    return content[:at]

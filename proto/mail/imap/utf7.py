"""Modified UTF-7 (RFC 3501 5.1.3), both ways. One name has one spelling: what `encode` would not write is refused."""

import binascii
import re

from mail.imap.errors import ImapError

_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*+)-")
_NOT_PLAIN = re.compile(r"[^\x20-\x7e]+|&")


def encode(name: str) -> bytes:
    """The name on the wire. ImapError for half of a surrogate pair, which no encoding can carry."""
    if name.isascii() and name.isprintable() and "&" not in name:
        return name.encode("ascii")
    return _NOT_PLAIN.sub(_shift, name).encode("ascii")


def decode(name: bytes) -> str:
    """The name from the wire. ImapError if it is not modified UTF-7, or not spelled as `encode` spells it.

    RFC 3501 5.1.3 forbids encoding what can stand for itself, two shifts in a row, and a shift left open; comparing
    with our own spelling refuses all of them.
    """
    if not name.isascii():
        raise _refused()
    parts: list[str] = []
    end = 0
    for found in _SHIFTED.finditer(name):
        parts += name[end : found.start()].decode("ascii"), _unshift(found[1])
        end = found.end()
    decoded = "".join(parts) + name[end:].decode("ascii")
    if encode(decoded) != name:
        raise _refused()
    return decoded


def _unshift(shifted: bytes) -> str:
    if not shifted:
        return "&"
    try:
        octets = binascii.a2b_base64(shifted.replace(b",", b"/") + b"=" * (-len(shifted) % 4), strict_mode=True)
        return octets.decode("utf-16-be")
    except ValueError:  # binascii.Error and UnicodeDecodeError are both
        raise _refused() from None


def _shift(found: re.Match[str]) -> str:
    if found[0] == "&":
        return "&-"
    try:
        octets = found[0].encode("utf-16-be")
    except UnicodeEncodeError:
        raise _refused() from None
    return "&" + binascii.b2a_base64(octets, newline=False).rstrip(b"=").replace(b"/", b",").decode("ascii") + "-"


def _refused() -> ImapError:
    # RFC 5530: CANNOT is said of names that can never be, so the client need not try again.
    return ImapError("The mailbox name is not modified UTF-7 (RFC 3501 5.1.3)", status=b"NO", code=b"CANNOT")

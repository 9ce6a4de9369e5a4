"""A message made ready for the wire, so that no receiver, however lax, sees it end early or a second one begin.

The law: what leaves here for DATA has CR and LF only as CRLF, no NUL, and no line that begins with a single dot but the
last. The gap between two servers' ideas of a line's end is how mail is smuggled (CVE-2023-51764 and its kin).
"""

import re
from typing import Final

_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_BARE_CR: Final = re.compile(rb"\r(?!\n)")


def canonical(message: bytes) -> bytes:
    """For anything but BINARYMIME: a bare LF becomes CRLF, a bare CR and a NUL a space (RFC 5321 2.3.8, RFC 2045 2.8),
    and the last line is ended."""
    pairs = message.count(b"\r\n")
    if pairs != message.count(b"\n"):
        message = _BARE_LF.sub(b"\r\n", message)
        pairs = message.count(b"\r\n")
    if pairs != message.count(b"\r"):
        message = _BARE_CR.sub(b" ", message)
    if b"\0" in message:
        message = message.replace(b"\0", b" ")
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def dotted(message: bytes) -> bytes:
    """A canonical message as DATA carries it, with its end (RFC 5321 4.5.2)."""
    if b"\r\n." in message:
        message = message.replace(b"\r\n.", b"\r\n..")
    return (b"." if message.startswith(b".") else b"") + message + b".\r\n"

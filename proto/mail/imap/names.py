"""Mailbox names between the wire and us (RFC 3501 5.1). A name that leaves here can be stored, compared and sent back.

A name that is not modified UTF-7, or holds control characters, is answered NO [CANNOT] (RFC 5530): its grammar is
right, but there can be no such mailbox. Where the client enabled UTF-8 (RFC 6855), names are UTF-8 and `&` is a letter.
"""

import re

from mail.imap import utf7
from mail.imap.errors import ImapError

INBOX = "INBOX"
NOWHERE = "\0"
"""A pattern that no name matches, since none has a control character."""
DELIMITER = "/"

# RFC 9051 5.1: no C0, no C1, no line or paragraph separator.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def decode(wire: bytes, *, utf8: bool = False) -> str:
    """A mailbox name with INBOX, alone or as the first level, in capitals. ImapError: NO [CANNOT]."""
    return fold_inbox(decode_text(wire, utf8=utf8))


def decode_pattern(wire: bytes, *, utf8: bool = False) -> str:
    """A reference or a pattern of LIST. One that can be no name's is no error (RFC 5258 3, RFC 9051 6.3.9): NOWHERE."""
    try:
        return decode_text(wire, utf8=utf8)
    except ImapError:
        return NOWHERE


def decode_text(wire: bytes, *, utf8: bool = False) -> str:
    """Decoded, its INBOX left as it is. ImapError: NO [CANNOT]."""
    name = _decode_utf8(wire) if utf8 else utf7.decode(wire)
    if _CONTROL.search(name):
        raise ImapError("A mailbox name has no control characters", status=b"NO", code=b"CANNOT")
    return name


def encode(name: str, *, utf8: bool = False) -> bytes:
    """The name on the wire, not yet quoted."""
    return name.encode() if utf8 else utf7.encode(name)


def fold_inbox(name: str) -> str:
    """RFC 3501 5.1: INBOX is the same in any case; so is the level above INBOX's children."""
    if name[:5].upper() == INBOX and name[5:6] in ("", DELIMITER):
        return INBOX + name[5:]
    return name


def _decode_utf8(wire: bytes) -> str:
    try:
        return wire.decode()
    except UnicodeDecodeError:
        raise ImapError("The mailbox name is not UTF-8", status=b"NO", code=b"CANNOT") from None

"""base64url (RFC 4648 5), as all of web push writes keys and tokens: without padding.

The law: what is read is read strictly. One text is one value: no other letters, no bits left over.
"""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

_TEXT: Final = re.compile(rb"[A-Za-z0-9_-]*={0,2}")


def encode(data: bytes) -> str:
    """Without padding (RFC 7515 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """With padding or without. Raises ValueError."""
    raw = text.encode("ascii", "replace")
    if not _TEXT.fullmatch(raw):
        raise ValueError("no base64url")
    bare = raw.rstrip(b"=")
    try:
        data = urlsafe_b64decode(bare + b"=" * (-len(bare) % 4))
    except binascii.Error:
        raise ValueError("no base64url") from None
    if urlsafe_b64encode(data).rstrip(b"=") != bare:
        raise ValueError("no base64url: bits are left over")
    return data

"""Secrets that this server hands out: how they are spelled, read, and compared.

The law: every secret has at least 130 random bits, so that one round of SHA-256 is enough to keep it by; what is kept
is that digest, and it is compared in constant time. A text that is none is None, never an error.

What begins with `rk` tells scanners of published code, and our own gateways, what it is. Behind that stand the account
and the number of the grant, in the open, so that any gateway finds the one row that knows the secret.
"""

import base64
import binascii
import hashlib
import hmac
import re
from enum import Enum
from typing import Final, NamedTuple

ID_BYTES: Final = 8
SECRET_BYTES: Final = 24
APP_PASSWORD_BYTES: Final = 17  # 136 bits: 28 letters and digits
_ENDS: Final = 2 * ID_BYTES
_TEXT: Final = re.compile(r"rk[acr]_[A-Za-z0-9_-]{54,86}")


class Kind(Enum):
    """What a secret is for."""

    ACCESS = "rka_"
    CODE = "rkc_"
    REFRESH = "rkr_"


_BYTES: Final = {Kind.ACCESS: SECRET_BYTES, Kind.CODE: SECRET_BYTES, Kind.REFRESH: 2 * SECRET_BYTES}


class Opaque(NamedTuple):
    """A secret that was handed out."""

    kind: Kind
    account: int
    grant: bytes
    secret: bytes

    def __repr__(self) -> str:
        return f"Opaque({self.kind.name})"

    def text(self) -> str:
        """As clients have it."""
        raw = self.account.to_bytes(8, "big") + self.grant + self.secret
        return self.kind.value + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    @property
    def family(self) -> bytes:
        """Of a refresh token: what all of its grant begin with."""
        return self.secret[:SECRET_BYTES]

    @property
    def turn(self) -> bytes:
        """Of a refresh token: what each has anew."""
        return self.secret[SECRET_BYTES:]


def read(text: str, kind: Kind) -> Opaque | None:
    """The secret in a text, where it is one of the kind."""
    if not text.startswith(kind.value) or _TEXT.fullmatch(text) is None:
        return None
    body = text[len(kind.value) :]
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    if len(raw) != _ENDS + _BYTES[kind]:
        return None
    return Opaque(kind, int.from_bytes(raw[:8], "big"), raw[8:_ENDS], raw[_ENDS:])


def digest(account: int, secret: bytes) -> bytes:
    """What is kept of a secret: good for one account."""
    return hashlib.sha256(account.to_bytes(8, "big") + secret).digest()


def same(kept: bytes, account: int, secret: bytes) -> bool:
    """Whether a secret is the one that a digest was kept of."""
    return hmac.compare_digest(kept, digest(account, secret))

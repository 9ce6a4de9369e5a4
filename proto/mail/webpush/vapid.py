"""Who sends a push message (RFC 8292): a short-lived token, signed with the key that JMAP's session shows (RFC 9749).

The law: a token is for one push service, and lives less than a day. The key it is signed with is the one that was shown
when the subscription was made, for as long as that key is kept.
"""

import json
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from mail.webpush import base64url
from mail.webpush.encrypting import public_point

CAPABILITY: Final = "urn:ietf:params:jmap:webpush-vapid"
LIFE_S: Final = 12 * 3600  # of a token; a day is the most (2)
_SCHEME: Final = "vapid"
_HEADER: Final = {"typ": "JWT", "alg": "ES256"}
_HALF_BYTES: Final = 32  # of a signature (RFC 7518 3.4)


def capability(key: str) -> dict[str, str]:
    """The value of CAPABILITY (RFC 9749 3). `key`: as `server_key` writes it."""
    return {"applicationServerKey": key}


def server_key(key: ec.EllipticCurvePrivateKey) -> str:
    """The public key as a session shows it, and as `k` has it."""
    return base64url.encode(public_point(key))


def audience(url: str) -> str:
    """The origin of a push resource (RFC 6454 6.2), which a token is for: scheme, host, and a port that is not the
    scheme's own."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    scheme = parts.scheme.lower()
    port = "" if parts.port is None or (scheme, parts.port) == ("https", 443) else f":{parts.port}"
    return f"{scheme}://{host}{port}"


def token(key: ec.EllipticCurvePrivateKey, aud: str, until_s: int, contact: str = "") -> str:
    """A signed token (RFC 7519, ES256). `contact`: how people reach whoever runs this server, a mailto: or https: URI;
    empty: none is told. The signature has no randomness of its own (RFC 6979)."""
    claims: dict[str, object] = {"aud": aud, "exp": until_s}
    if contact:
        claims["sub"] = contact
    signed = f"{_part(_HEADER)}.{_part(claims)}"
    halves = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256(), deterministic_signing=True)))
    signature = b"".join(half.to_bytes(_HALF_BYTES, "big") for half in halves)
    return f"{signed}.{base64url.encode(signature)}"


def authorization(token: str, key: str) -> str:
    """The field's value (3)."""
    return f"{_SCHEME} t={token}, k={key}"


def _part(value: dict[str, object] | dict[str, str]) -> str:
    return base64url.encode(json.dumps(value, separators=(",", ":")).encode())

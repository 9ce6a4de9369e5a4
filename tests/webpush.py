"""The other two of web push: a user agent that reads what was encrypted for it, and a check of who sent it.

Written from RFC 8188, 8291 and 8292 with other primitives than the product's own, so that one can find the other wrong.
"""

import json
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mail.webpush import base64url

CURVE = ec.SECP256R1()


def derive(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def open_records(body: bytes, secret: bytes) -> bytes:
    """RFC 8188 2, all records."""
    salt, size, named = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    cipher = AESGCM(derive(salt, secret, b"Content-Encoding: aes128gcm\0", 16))
    base = derive(salt, secret, b"Content-Encoding: nonce\0", 12)
    rest, whole, number = body[21 + named :], b"", 0
    while True:
        nonce = base[:4] + (int.from_bytes(base[4:], "big") ^ number).to_bytes(8, "big")
        record, rest, number = rest[:size], rest[size:], number + 1
        plain = cipher.decrypt(nonce, record, None).rstrip(b"\0")
        assert plain[-1] == (1 if rest else 2), "the delimiter of a record"
        whole += plain[:-1]
        if not rest:
            return whole


class Agent:
    """A user agent with its subscription's keys."""

    def __init__(self, private: int | None = None, auth: bytes = b"sixteen bytes...") -> None:
        self._key = ec.generate_private_key(CURVE) if private is None else ec.derive_private_key(private, CURVE)
        self.auth = auth
        self.point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def keys(self) -> dict[str, str]:
        """As PushSubscription has them."""
        return {"p256dh": base64url.encode(self.point), "auth": base64url.encode(self.auth)}

    def read(self, body: bytes) -> bytes:
        """RFC 8291 3: one record."""
        assert body[20] == 65
        sender = body[21:86]
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender))
        return open_records(body, derive(self.auth, shared, b"WebPush: info\0" + self.point + sender, 32))


class Sent(NamedTuple):
    """Who sent something, as its token says."""

    key: str
    claims: dict[str, Any]


def sender(authorization: str) -> Sent:
    """RFC 8292 3: checks the signature. Raises InvalidSignature."""
    scheme, _, rest = authorization.partition(" ")
    assert scheme == "vapid"
    found = dict(part.strip().split("=", 1) for part in rest.split(","))
    key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, base64url.decode(found["k"]))
    signed, _, signature = found["t"].rpartition(".")
    raw = base64url.decode(signature)
    assert len(raw) == 64
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(der, signed.encode(), ec.ECDSA(SHA256()))
    header, claims = (json.loads(base64url.decode(part)) for part in signed.split("."))
    assert header == {"typ": "JWT", "alg": "ES256"}
    return Sent(found["k"], claims)

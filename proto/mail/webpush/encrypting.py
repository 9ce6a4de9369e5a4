"""Encryption of a push message for the user agent that subscribed (RFC 8291), so that no push service can read it.

The law: a message is one record, and has a salt and a key pair of its own. What a subscription says of its keys is
checked when it is made: a point on the curve, and a secret of sixteen bytes.
"""

from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mail.webpush import base64url
from mail.webpush.coding import SALT_BYTES, encrypt, hkdf

AUTH_BYTES: Final = 16  # 3.2
POINT_BYTES: Final = 65  # uncompressed (SEC 1, 2.3.3)
BODY_BYTES_MAX: Final = 4096  # what every push service takes (RFC 8030 7.2)
_HEADER_BYTES: Final = 16 + 4 + 1 + POINT_BYTES
PLAIN_BYTES_MAX: Final = BODY_BYTES_MAX - _HEADER_BYTES - 16 - 1  # 4: 3993
SEED_BYTES: Final = 48  # of randomness for a private key: so many that none is likelier than another
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
_CURVE: Final = ec.SECP256R1()


class BadKeys(ValueError):
    """A subscription's keys are none. The text says which and why."""


class Keys(NamedTuple):
    """What a user agent gives with its subscription: a public key, and a secret that the push service has not."""

    p256dh: bytes
    auth: bytes


def keys(p256dh: str, auth: str) -> Keys:
    """Keys as they are written (RFC 8620 7.2). Raises BadKeys."""
    point, secret = _bytes("p256dh", p256dh), _bytes("auth", auth)
    if len(point) != POINT_BYTES or point[:1] != b"\4":
        raise BadKeys(f"p256dh: an uncompressed point of P-256 has {POINT_BYTES} bytes")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError:
        raise BadKeys("p256dh: no point of P-256") from None
    if len(secret) != AUTH_BYTES:
        raise BadKeys(f"auth: a secret of {AUTH_BYTES} bytes")
    return Keys(point, secret)


def private_key(seed: bytes) -> ec.EllipticCurvePrivateKey:
    """A key of P-256 from SEED_BYTES of randomness (FIPS 186-5 A.2.1)."""
    if len(seed) != SEED_BYTES:
        raise ValueError("a seed has another size")
    return ec.derive_private_key(int.from_bytes(seed, "big") % (_ORDER - 1) + 1, _CURVE)


def public_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Its public half, uncompressed."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def encrypted(data: bytes, to: Keys, salt: bytes, own: ec.EllipticCurvePrivateKey) -> bytes:
    """The body of a push message. `salt` and `own`, a key made for it, are never used again. Raises ValueError for
    what is too long for one."""
    if len(data) > PLAIN_BYTES_MAX:
        raise ValueError(f"a push message has {PLAIN_BYTES_MAX} bytes at most")
    if len(salt) != SALT_BYTES:
        raise ValueError("a salt has another size")
    point = public_point(own)
    shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, to.p256dh))
    secret = hkdf(to.auth, shared, b"WebPush: info\0" + to.p256dh + point, 32)  # 3.4
    return encrypt(data, secret, salt, keyid=point, record_bytes=BODY_BYTES_MAX)


def _bytes(name: str, text: str) -> bytes:
    try:
        return base64url.decode(text)
    except ValueError:
        raise BadKeys(f"{name}: no base64url") from None

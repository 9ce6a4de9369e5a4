"""Public keys as the DNS has them (RFC 6376 3.6.1, RFC 8463 4), and the arithmetic of both algorithms.

The law: a record that breaks the grammar is no key, and a key serves only for what its record says. What a stranger
publishes costs bounded memory and time: key objects are kept, a few of them, and a modulus has a largest size.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mail.trust.dkim_tags import BadTags, Tags, parse

PublicKey = RSAPublicKey | Ed25519PublicKey
PrivateKey = RSAPrivateKey | Ed25519PrivateKey

RECORD_BYTES_MAX: Final = 8 * 1024  # a key of 16384 bits is 3 kB in base64
RSA_BITS_MAX: Final = 8192  # RFC 8301 3.2 wants 4096; the work grows with the square
EXPONENT_BITS_MAX: Final = 33  # all in use are 65537; one as long as the modulus costs 8 ms for each signature, not 0.1
KEYS_KEPT: Final = 1024  # of 1 kB; loading one anew costs 20 us, looking it up 0.3

_WORD: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")  # hyphenated-word
_PADDING: Final = PKCS1v15()
_HASH: Final = Prehashed(SHA256())


class KeyRecord(NamedTuple):
    """A key and what it serves for. `hashes` empty: all. `key` None: it was revoked (p= is empty), `unusable` says
    why where the key cannot be read."""

    kind: str  # "rsa", "ed25519", or what we do not know
    key: PublicKey | None
    unusable: str = ""
    hashes: tuple[str, ...] = ()
    services: tuple[str, ...] = ("*",)
    testing: bool = False  # t=y
    strict: bool = False  # t=s: i= must have d= itself as its domain
    notes: str = ""  # n=, as it is

    @property
    def bits(self) -> int:
        """The size of the key; 0 where there is none."""
        if self.key is None:
            return 0
        return cast("RSAPublicKey", self.key).key_size if self.kind == "rsa" else 256

    def refusal(self, algorithm: str) -> str:
        """Why the key does not serve for a signature with this algorithm; empty where it does (RFC 6376 6.1.2)."""
        kind, _, digest = algorithm.rpartition("-")
        if self.kind != kind:
            return "the key is for another algorithm"
        if self.hashes and digest not in self.hashes:
            return "the key is not for this hash"
        if not {"*", "email"} & set(self.services):
            return "the key is not for mail"
        if self.key is None:
            return self.unusable or "the key was revoked"
        return ""


def parse_record(text: bytes) -> KeyRecord:
    """A key record. Raises BadTags."""
    if len(text) > RECORD_BYTES_MAX:
        raise BadTags("the record is too long")
    return _parsed(text)


@lru_cache(maxsize=KEYS_KEPT)  # a few hundred domains sign most of the mail; reading a record anew costs 25 us
def _parsed(text: bytes) -> KeyRecord:
    tags = parse(text)
    if "v" in tags and (next(iter(tags)) != "v" or tags.text("v") != "DKIM1"):
        raise BadTags("it is no DKIM1 record")
    encoded = tags.binary("p")
    kind = _words(tags, "k", "rsa")[0]
    key, unusable = public_key(kind, encoded) if encoded else (None, "")
    flags = _words(tags, "t", "") if "t" in tags else ()
    return KeyRecord(
        kind=kind,
        key=key,
        unusable=unusable,
        hashes=_words(tags, "h", "") if "h" in tags else (),
        services=tags.words("s", "*"),
        testing="y" in flags,
        strict="s" in flags,
        notes=tags.text("n", ""),
    )


def _words(tags: Tags, name: str, default: str) -> tuple[str, ...]:
    words = tags.words(name, default)
    if not all(_WORD.fullmatch(word) for word in words):
        raise BadTags(f"{name}= is no list of words")
    return words


@lru_cache(maxsize=KEYS_KEPT)
def public_key(kind: str, encoded: bytes) -> tuple[PublicKey | None, str]:
    """The key in p= and why it cannot be used: RSA as SubjectPublicKeyInfo or RSAPublicKey (RFC 6376 3.6.1 and its
    erratum 3017), Ed25519 as 32 bytes (RFC 8463 4.2)."""
    if kind == "ed25519":
        if len(encoded) != 32:
            return None, "the key does not have 32 bytes"
        return Ed25519PublicKey.from_public_bytes(encoded), ""
    if kind != "rsa":
        return None, "the key is of an unknown kind"
    try:
        key = load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm, OverflowError):
        return None, "the key cannot be read"
    if not isinstance(key, RSAPublicKey):
        return None, "the key is not an RSA key"
    if key.key_size > RSA_BITS_MAX:
        return None, f"the key has more than {RSA_BITS_MAX} bits"
    if key.public_numbers().e.bit_length() > EXPONENT_BITS_MAX:
        return None, f"the key's exponent has more than {EXPONENT_BITS_MAX} bits"
    return key, ""


def fits(key: PublicKey, signature: bytes, digest: bytes) -> bool:
    """Whether the signature is over this SHA-256. Ed25519 signs the hash, not the message (RFC 8463 3)."""
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, digest, _PADDING, _HASH)
        else:
            key.verify(signature, digest)
    except (InvalidSignature, ValueError):
        return False
    return True


def made(key: PrivateKey, digest: bytes) -> bytes:
    """The signature over a SHA-256."""
    if isinstance(key, RSAPrivateKey):
        return key.sign(digest, _PADDING, _HASH)
    return key.sign(digest)


def algorithm_of(key: PrivateKey | PublicKey) -> str:
    """What a= says of signatures by the key."""
    return "rsa-sha256" if isinstance(key, RSAPrivateKey | RSAPublicKey) else "ed25519-sha256"

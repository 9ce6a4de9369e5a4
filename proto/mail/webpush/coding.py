"""The content coding `aes128gcm` (RFC 8188): a header, then records that are encrypted each by itself.

The law: a key and a salt are used for one body only; whoever calls brings a salt that was never used before. Records
are told from each other by their number in the nonce, and the last by its delimiter: nothing is cut off unseen.
"""

import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NAME: Final = "aes128gcm"  # of Content-Encoding
SALT_BYTES: Final = 16
KEYID_BYTES_MAX: Final = 255  # its length is one byte
TAG_BYTES: Final = 16
RECORD_BYTES_MIN: Final = TAG_BYTES + 2  # tag, delimiter and a byte (2.1)
RECORD_BYTES_MAX: Final = 2**32 - 1  # its size is four bytes
_KEY_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_KEY_INFO: Final = b"Content-Encoding: aes128gcm\0"
_NONCE_INFO: Final = b"Content-Encoding: nonce\0"
_MORE: Final = b"\1"  # the delimiters (2)
_LAST: Final = b"\2"


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF with SHA-256 (RFC 5869), of which one block is enough here."""
    assert length <= hashlib.sha256().digest_size
    extracted = hmac.digest(salt, secret, "sha256")
    return hmac.digest(extracted, info + b"\1", "sha256")[:length]


def encrypt(data: bytes, secret: bytes, salt: bytes, *, keyid: bytes = b"", record_bytes: int = 4096) -> bytes:
    """The whole body. `secret`: the input keying material. `record_bytes`: of a record, its tag included."""
    if len(salt) != SALT_BYTES or len(keyid) > KEYID_BYTES_MAX:
        raise ValueError("a salt has 16 bytes, a key's name 255 at most")
    if not RECORD_BYTES_MIN <= record_bytes <= RECORD_BYTES_MAX:
        raise ValueError("records of this size cannot be")
    cipher = AESGCM(hkdf(salt, secret, _KEY_INFO, _KEY_BYTES))
    base = int.from_bytes(hkdf(salt, secret, _NONCE_INFO, _NONCE_BYTES), "big")
    room = record_bytes - TAG_BYTES - 1
    pieces = [salt, record_bytes.to_bytes(4, "big"), bytes([len(keyid)]), keyid]
    for number, start in enumerate(range(0, len(data) or 1, room)):
        end = start + room
        delimiter = _MORE if end < len(data) else _LAST
        nonce = (base ^ number).to_bytes(_NONCE_BYTES, "big")
        pieces.append(cipher.encrypt(nonce, data[start:end] + delimiter, None))
    return b"".join(pieces)

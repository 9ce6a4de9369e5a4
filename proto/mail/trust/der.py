"""As much of DER (X.690) as finds a certificate's public key, byte for byte.

The law: nothing is decoded and written again, since what another library would write may differ in a byte.
"""

from typing import Final

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0  # [0] EXPLICIT
_BEFORE_KEY: Final = 5  # serialNumber, signature, issuer, validity, subject (RFC 5280 §4.1)


def public_key(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate. Raises ValueError."""
    begin, _ = _inside(certificate, 0, len(certificate), _SEQUENCE)
    at, end = _inside(certificate, begin, len(certificate), _SEQUENCE)  # tbsCertificate
    if certificate[at : at + 1] == bytes((_VERSION,)):
        at = _inside(certificate, at, end, _VERSION)[1]
    for _ in range(_BEFORE_KEY):
        at = _inside(certificate, at, end, None)[1]
    return certificate[at : _inside(certificate, at, end, _SEQUENCE)[1]]


def _inside(data: bytes, at: int, end: int, tag: int | None) -> tuple[int, int]:
    """Where the value of the element there begins and ends."""
    if at + 2 > end or (tag is not None and data[at] != tag):
        raise ValueError("no certificate")
    length, begin = data[at + 1], at + 2
    if length >= 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise ValueError("no certificate")
        length = int.from_bytes(data[begin : begin + count], "big")
        begin += count
    if begin + length > end:
        raise ValueError("no certificate")
    return begin, begin + length

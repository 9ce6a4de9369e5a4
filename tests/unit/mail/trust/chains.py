"""Chains of ARC sets to verify and to spoil."""

from mail.trust.arc import verify
from mail.trust.arc_seal import seal
from mail.trust.dkim_canon import Signable
from mail.trust.dkim_sign import SigningKey
from tests.unit.mail.trust.zone import ED, NOW, RSA, ZONE, run

MESSAGE = b"From: Joe <joe@example.org>\r\nTo: x@y.example\r\nSubject: Hi\r\n\r\nHello,\r\nhow are you?\r\n"


def sealed(message: bytes, key: SigningKey = ED, payload: str = "spf=pass smtp.mfrom=joe@example.org") -> bytes:
    """One more set on the message, as who receives it makes one."""
    return seal(message, "mx.example.org", payload, run(verify(message, NOW), ZONE).result, key, NOW) + message


def chain(count: int, message: bytes = MESSAGE) -> bytes:
    """So many sets, RSA and Ed25519 taking turns."""
    for number in range(count):
        message = sealed(message, (RSA, ED)[number % 2], f"spf=pass smtp.mfrom=n{number}@example.org")
    return message


def fields_of(message: bytes) -> list[bytes]:
    """The raw ARC fields from the top."""
    return [field.raw for field in Signable(message).fields if field.name.startswith(b"arc-")]

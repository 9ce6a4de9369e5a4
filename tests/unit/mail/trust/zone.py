"""Evaluators run against a dictionary, and keys to sign with."""

import base64
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mail.trust.dkim_sign import SigningKey
from mail.trust.questions import Asking, Question

HERE = Path(__file__).parent
NOW = 1_796_000_000
T = TypeVar("T")


class Reply(NamedTuple):
    """An Answer."""

    status: str
    records: tuple[Any, ...] = ()
    secure: bool = False
    name: str = ""


Zone = Mapping[str, list[bytes] | str]  # TXT by name; a text: the status


def run(asking: Asking[T], zone: Zone, asked: list[tuple[Question, ...]] | None = None) -> T:
    """The evaluator's result. `asked` gets each tuple of questions."""
    answers: Any = None
    while True:
        try:
            questions = asking.send(answers)
        except StopIteration as stop:
            result: T = stop.value
            return result
        if asked is not None:
            asked.append(questions)
        answers = tuple(_reply(zone.get(question.name, "nxdomain")) for question in questions)


def _reply(found: list[bytes] | str) -> Reply:
    return Reply(found) if isinstance(found, str) else Reply("ok", tuple(found))


@cache
def rsa_key(bits: int = 2048) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


@cache
def ed25519_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def public(key: RSAPrivateKey | Ed25519PrivateKey) -> str:
    """The public half as p= has it."""
    if isinstance(key, RSAPrivateKey):
        encoded = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        encoded = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(encoded).decode()


RSA = SigningKey("example.org", "rsa", rsa_key())
ED = SigningKey("example.org", "ed", ed25519_key())
ZONE: Zone = {
    "rsa._domainkey.example.org": [f"v=DKIM1; k=rsa; p={public(rsa_key())}".encode()],
    "ed._domainkey.example.org": [f"v=DKIM1; k=ed25519; p={public(ed25519_key())}".encode()],
}


def stored_zone() -> dict[str, list[bytes]]:
    """dkim/zone.toml."""
    return {name: [text.encode()] for name, text in tomllib.loads((HERE / "dkim/zone.toml").read_text()).items()}

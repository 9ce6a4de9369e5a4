"""Key records: each rule has a case in dkim/keys.toml; the arithmetic of both algorithms."""

import base64
import hashlib
import tomllib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mail.trust.dkim_keys import RECORD_BYTES_MAX, fits, made, parse_record, public_key
from mail.trust.dkim_tags import BadTags
from tests.unit.mail.trust.zone import HERE, ed25519_key, public, rsa_key

CASES: dict[str, list[dict[str, Any]]] = tomllib.loads((HERE / "dkim/keys.toml").read_text())
DIGEST = hashlib.sha256(b"x").digest()


def _record(text: str) -> bytes:
    pkcs1 = rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    text = text.replace("{P}", base64.b64encode(pkcs1).decode())
    return text.replace("{R}", public(rsa_key())).replace("{E}", public(ed25519_key())).encode()


@pytest.mark.parametrize("case", CASES["bad"], ids=lambda case: case["record"])
def test_what_is_no_record(case: dict[str, Any]) -> None:
    with pytest.raises(BadTags) as error:
        parse_record(_record(case["record"]))
    assert case["why"] in str(error.value)


@pytest.mark.parametrize("case", CASES["good"], ids=lambda case: f"{case['record']} for {case['algorithm']}")
def test_what_a_record_serves_for(case: dict[str, Any]) -> None:
    record = parse_record(_record(case["record"]))
    refused = record.refusal(case["algorithm"])
    assert case["refused"] in refused
    assert bool(refused) is bool(case["refused"])
    assert (record.testing, record.strict) == (case.get("testing", False), case.get("strict", False))


def test_a_record_has_a_largest_size() -> None:
    with pytest.raises(BadTags, match="too long"):
        parse_record(b"p=" + b"A" * RECORD_BYTES_MAX)


def test_keys_are_made_once() -> None:
    encoded = base64.b64decode(public(rsa_key()))
    assert public_key("rsa", encoded)[0] is public_key("rsa", encoded)[0]


def test_another_kind_of_key_in_the_same_wrapping() -> None:
    curve = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public_key("rsa", curve) == (None, "the key is not an RSA key")


def test_a_modulus_has_a_largest_size() -> None:
    numbers = rsa_key().public_key().public_numbers()
    large = type(numbers)(numbers.e, (1 << 9000) | 1).public_key()
    encoded = large.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public_key("rsa", encoded)[1] == "the key has more than 8192 bits"


def test_an_exponent_has_a_largest_size() -> None:
    numbers = rsa_key().public_key().public_numbers()
    for exponent, why in (((1 << 32) | 1, ""), ((1 << 33) | 1, "the key's exponent has more than 33 bits")):
        key = type(numbers)(exponent, numbers.n).public_key()
        assert public_key("rsa", key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))[1] == why


@pytest.mark.parametrize("key", [rsa_key(), ed25519_key()], ids=["rsa", "ed25519"])
def test_signing_and_verifying(key: Any) -> None:
    signature = made(key, DIGEST)
    assert fits(key.public_key(), signature, DIGEST)
    assert not fits(key.public_key(), signature, hashlib.sha256(b"y").digest())
    assert not fits(key.public_key(), signature[:-1], DIGEST)
    assert not fits(key.public_key(), b"", DIGEST)

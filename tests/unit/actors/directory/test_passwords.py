"""Passwords: the right one matches in every spelling, and SCRAM keys are those of the RFC."""

import base64
import hashlib
import hmac

import pytest

from actors.directory.passwords import Credentials, derive, matches, prepare, scram_keys
from actors.directory.saslprep import saslprep
from cluster.errors import Corrupt, Refused

SALT = b"0123456789abcdef"


def test_only_the_right_password_matches() -> None:
    credentials = derive(prepare("pencil"), SALT, SALT)
    assert matches(credentials, "pencil")
    assert not matches(credentials, "Pencil")
    assert not matches(credentials, "")
    assert not matches(credentials, "a\x00b")
    assert not matches(credentials, "x" * 2000)
    assert not matches(None, "pencil")
    assert "argon2id" not in repr(credentials)


def test_spellings_that_look_the_same_are_the_same_password() -> None:
    assert matches(derive(prepare("caf\u00e9\u2168"), SALT, SALT), "cafe\u0301IX")


def test_scram_keys_are_those_of_rfc_7677() -> None:
    """RFC 7677 §3's exchange: the proof it shows must be right under the keys we keep."""
    keys = scram_keys("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
    message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.digest(keys.stored_key, message, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    assert hashlib.sha256(client_key).digest() == keys.stored_key
    server = base64.b64encode(hmac.digest(keys.server_key, message, "sha256"))
    assert server == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "empty"),
        ("\u00ad", "empty"),
        ("a\x07", "control"),
        ("x" * 1025, "longer"),
        ("\u0627a", "from the right"),
        ("\u0221", "Unicode 3.2"),
        ("\ud800", "control characters or others"),
    ],
)
def test_unfit_passwords_are_refused_with_the_reason(password: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        prepare(password)


@pytest.mark.parametrize(
    ("text", "prepared"), [("I\u00adX", "IX"), ("user", "user"), ("\u00aa", "a"), ("\u2168", "IX"), ("a\u00a0b", "a b")]
)
def test_saslprep_as_in_rfc_4013(text: str, prepared: str) -> None:
    assert saslprep(text, stored=True) == prepared


def test_a_damaged_hash_is_corrupt() -> None:
    good = derive("x", SALT, SALT)
    with pytest.raises(Corrupt):
        matches(Credentials("damaged", good.scram), "x")

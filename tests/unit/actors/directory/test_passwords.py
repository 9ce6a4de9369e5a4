"""Passwords: the right one matches in every spelling, and SCRAM's keys are made of it too."""

import inspect

import pytest

from actors.directory.passwords import SCRAM_ITERATIONS, Credentials, derive, matches, prepare
from cluster.errors import Corrupt, Refused
from mail.sasl import begin, derive_scram

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


def test_the_scram_keys_are_those_of_the_password() -> None:
    scram = derive(prepare("caf\u00e9"), SALT, SALT).scram
    assert scram == derive_scram("cafe\u0301", SALT, SCRAM_ITERATIONS)


def test_unknown_names_look_like_known_ones() -> None:
    """The iterations of SASL's made-up keys are those of real accounts."""
    assert inspect.signature(begin).parameters["iterations"].default == SCRAM_ITERATIONS


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "empty"),
        ("\u00ad", "empty"),
        ("a\x07", "not allowed"),
        ("x" * 1025, "longer"),
        ("\u0627a", "right-to-left"),
        ("\u0221", "not allowed"),
        ("\ud800", "not allowed"),
    ],
)
def test_unfit_passwords_are_refused_with_the_reason(password: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        prepare(password)


def test_a_damaged_hash_is_corrupt() -> None:
    good = derive("x", SALT, SALT)
    with pytest.raises(Corrupt):
        matches(Credentials("damaged", good.scram), "x")

"""Signature fields: each rule of their grammar has a case in dkim/signatures.toml."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mail.trust.dkim_canon import Field
from mail.trust.dkim_signature import FIELD_BYTES_MAX, Signature, read
from mail.trust.dkim_tags import BadTags

HASH = "A" * 42 + "8="
REST = f"a=rsa-sha256; d=example.org; s=r; h=from; bh={HASH}; b=AAAA"
CASES: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent / "dkim/signatures.toml").read_text(encoding="utf-8")
)


def _read(text: str, kind: Any = "dkim") -> Signature:
    text = text.replace("{S}", f"v=1; {REST}").replace("{B}", REST).replace("{H}", HASH)
    return read(Field(b"dkim-signature", f"DKIM-Signature:{text}\r\n".encode()), kind)


@pytest.mark.parametrize("case", CASES["bad"], ids=lambda case: case["name"])
def test_what_is_none(case: dict[str, Any]) -> None:
    with pytest.raises(BadTags) as error:
        _read(case["field"])
    assert case["why"] in str(error.value)


@pytest.mark.parametrize("case", CASES["good"], ids=lambda case: case["name"])
def test_what_is_one(case: dict[str, Any]) -> None:
    found = _read(case["field"])
    assert found.domain == case.get("domain", "example.org")
    assert found.identity == case.get("identity", f"@{found.domain}")
    assert found.key_name == case.get("key", "r._domainkey.example.org")


def test_what_it_says_and_what_it_leaves_open() -> None:
    plain = _read("{S}")
    assert (plain.header_form, plain.body_form, plain.length, plain.expires_s) == ("simple", "simple", None, None)
    found = _read("{S}; c=relaxed; l=7; t=5; x=9")
    assert (found.header_form, found.body_form) == ("relaxed", "simple")
    assert (found.length, found.signed_s, found.expires_s, found.names) == (7, 5, 9, (b"from",))


def test_empty_names_sign_nothing() -> None:
    assert _read(f"v=1; a=rsa-sha256; d=example.org; s=r; h=:from: :to:; bh={HASH}; b=AAAA").names == (b"from", b"to")
    assert _read(f"v=1; a=rsa-sha256; d=example.org; s=r; h=; bh={HASH}; b=AAAA").names == ()


def test_b_is_emptied_with_the_white_space_around_it_and_nothing_else() -> None:
    rest = f"a=rsa-sha256; d=example.org; s=r; h=from; bh={HASH}"
    assert _read(f"v=1; b= AA\r\n\tAA ;{rest}").blank == f"DKIM-Signature:v=1; b=;{rest}".encode()
    assert _read(f"v=1;{rest}; b=\tAAAA ").blank == f"DKIM-Signature:v=1;{rest}; b=".encode()


def test_a_field_has_a_largest_size() -> None:
    with pytest.raises(BadTags, match="too long"):
        _read("{S}; z=" + "a" * FIELD_BYTES_MAX)


def test_fields_of_arc_have_an_instance_and_no_version() -> None:
    assert _read("v=9; i=7; {B}", "ams").instance == 7
    for bad in ("{B}", "i=0; {B}", "i=51; {B}", "i=a; {B}", "i=; {B}", "i=@example.org; {B}"):
        with pytest.raises(BadTags, match="i="):
            _read(bad, "ams")


def test_a_seal_says_what_was_found_and_names_no_fields() -> None:
    seal = "i=1; a=ed25519-sha256; d=example.org; s=r; b=AAAA"
    assert _read(f"{seal}; cv=pass", "seal").verdict == "pass"
    for bad in (seal, f"{seal}; cv=", f"{seal}; cv=PASS", f"{seal}; cv=none; h=from"):
        with pytest.raises(BadTags):
            _read(bad, "seal")

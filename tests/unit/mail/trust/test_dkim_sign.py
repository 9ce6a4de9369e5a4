"""Signing: what is signed and how it is written; it verifies, with one key and with several."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.trust.dkim import verify
from mail.trust.dkim_canon import Field, Form, Signable
from mail.trust.dkim_sign import LINE, SigningKey, sign, signed_names
from mail.trust.dkim_signature import read
from tests.unit.mail.trust.zone import ED, NOW, RSA, ZONE, ed25519_key, run

MESSAGE = b"Received: x\r\nFrom: a@example.org\r\nTo: b@c.d\r\nTo: twice\r\nSubject: s\r\nList-Id: l\r\n\r\nHello\r\n"


def test_what_is_named() -> None:
    names = signed_names(Signable(MESSAGE), ["To", "List-Id", "X", "to"], ["To", "Cc"])
    assert names == ["From", "From", "To", "To", "To", "List-Id"]


def test_two_keys_make_two_fields_that_are_both_right() -> None:
    fields = sign(MESSAGE, [RSA, ED], NOW, expire_s=60)
    assert fields.count(b"DKIM-Signature: v=1; ") == 2
    found = run(verify(fields + MESSAGE, NOW), ZONE)
    assert [(one.result, one.algorithm) for one in found] == [("pass", "rsa-sha256"), ("pass", "ed25519-sha256")]
    signature = found[0].signature
    assert signature is not None
    assert (signature.signed_s, signature.expires_s) == (NOW, NOW + 60)


def test_no_key_makes_nothing() -> None:
    assert sign(MESSAGE, [], NOW) == b""


def test_the_field_is_folded_and_reads_back() -> None:
    key = SigningKey("a-rather-long-name-of-a-domain.of-some-company.example", "selector-2026-12", ed25519_key())
    (field, rest) = sign(MESSAGE, [key], NOW).split(b"\r\nDKIM", 1)[0], b""
    assert all(len(line) <= LINE for line in field.split(b"\r\n"))
    assert all(line.startswith(b"\t") for line in field.rstrip(b"\r\n").split(b"\r\n")[1:])
    signature = read(Field(b"dkim-signature", field + rest))
    assert (signature.domain, signature.selector, signature.algorithm) == (key.domain, key.selector, "ed25519-sha256")


_TEXT = st.text(st.sampled_from("ab \t\u00fc\r\n."), max_size=40)


@pytest.mark.parametrize("forms", [("simple", "simple"), ("simple", "relaxed"), ("relaxed", "simple")])
@given(_TEXT, _TEXT)
@settings(max_examples=60, deadline=None)
def test_whatever_is_signed_verifies(forms: tuple[Form, Form], subject: str, body: str) -> None:
    folded = subject.replace("\r", "").replace("\n", "\r\n ")
    message = f"Subject: {folded}x\r\nFrom: a@example.org\r\n\r\n{body}".encode()
    signed = sign(message, [ED], NOW, forms=forms) + message
    assert [one.result for one in run(verify(signed, NOW), ZONE)] == ["pass"]

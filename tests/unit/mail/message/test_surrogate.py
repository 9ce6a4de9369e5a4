"""Surrogates: ASCII in every header, the same to be read in them, and nothing else touched."""

import email
import email.policy

import pytest
from hypothesis import given, settings

from mail.message import surrogate as module
from mail.message.part import Part
from mail.message.record import read_message
from mail.message.surrogate import surrogate
from tests.unit.mail.message.test_properties import MAIL

_NOBODY = "invalid@internationalized-address.invalid"


def _of(raw: bytes) -> bytes:
    return surrogate(raw, read_message(raw).root).content


def test_what_is_ascii_stays() -> None:
    raw = b"Subject: x\r\nX: y\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
    assert _of(raw) is raw
    raw = b"subject : \xc3\xa9\r\nX: y\r\n z\r\n\r\n\xc3\xa9"
    made = surrogate(raw, read_message(raw).root)
    assert made.content == b"subject : =?utf-8?B?w6k=?=\r\nX: y\r\n z\r\n\r\n\xc3\xa9"
    assert made.content[made.body :] == b"\xc3\xa9"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("José <jose@example.com>", [("José", "jose@example.com")]),
        ('"Núñez, José" <jose@example.com>', [("Núñez, José", "jose@example.com")]),
        ("josé@example.com", [("josé@example.com", _NOBODY)]),
        ("José <jose@exämple.com>", [("José <jose@exämple.com>", _NOBODY)]),
        ('A. B <a@b>, C <c@d>, é <c@"d">', [("A. B", "a@b"), ("C", "c@d"), ("é", "c@d")]),
        ("=?utf-8?q?=C3=A9?= <a@b>, c@d, ü <e@f>", [("é", "a@b"), ("", "c@d"), ("ü", "e@f")]),
        ("Équipe: a@b, é <c@d>;", [("", "a@b"), ("é", "c@d")]),
        ("nobody é", [('"nobody é"', _NOBODY)]),
    ],
)
def test_addresses(said: str, shown: list[tuple[str, str]]) -> None:
    """RFC 6858 2.1."""
    made = _of(f"To: {said}\r\n\r\n".encode())
    assert made.isascii()
    parsed = email.message_from_bytes(made, policy=email.policy.default)["to"]
    assert [(one.display_name, one.addr_spec) for one in parsed.addresses] == shown, made


def test_texts_are_folded_between_characters() -> None:
    subject = "Grüße 日本語 " * 30
    made = _of(f"Content-Description: {subject}\r\nSubject: {subject}\r\n\r\n".encode())
    assert max(map(len, made.splitlines())) <= 76
    parsed = email.message_from_bytes(made, policy=email.policy.default)
    assert parsed["subject"] == parsed["content-description"] == subject.rstrip()


def test_parts() -> None:
    """RFC 6858 2.2 and 2.4; of parts, and of a message in one."""
    raw = (
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b; x=é\r\nX-Known: é\r\n\r\n"
        "é\r\n--b\r\nContent-Type: text/plain; charset=utf-8; name*=utf-8''%C3%A9\r\n"
        'Content-Disposition: attachment; filename="é\\"ü.txt"; size=3\r\n\r\né\r\n--b\r\n'
        "Content-Type: message/rfc822\r\n\r\nSubject: é\r\nReceived: é\r\n\r\né\r\n--b--\r\n"
    ).encode()
    made = _of(raw)
    parsed = email.message_from_bytes(made, policy=email.policy.default)
    text, inner = parsed.iter_parts()
    assert (text.get_filename(), text.get_content()) == ('é"ü.txt', "é")
    assert text["content-disposition"].params["size"] == "3"
    assert inner.get_content()["subject"] == "é"
    assert b"X-Known" not in made
    assert b"Received" not in made


@pytest.mark.parametrize("field", ["X: é\r\n", "To: é\r\n", "Subject: é\r\n é\r\n", "é\r\n"])
def test_what_no_header_is_like_is_not_taken_apart(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []
    said = module._said

    def counted(line: bytes) -> bytes:
        taken.append(line)
        return said(line)

    monkeypatch.setattr(module, "_said", counted)
    raw = (field * 100_000).encode() + b"\r\n\xc3\xa9"
    root = Part(0, len(raw) - 2, len(raw), 0, "text", "plain")
    made = surrogate(raw, root)
    assert made.content[: made.body].isascii()
    assert made.content.endswith(b"\r\n\xc3\xa9")
    assert len(taken) == 2000


@settings(max_examples=400, deadline=None)
@given(MAIL)
def test_any_bytes(raw: bytes) -> None:
    made = surrogate(raw, read_message(raw).root)
    assert made.content[: made.body].isascii()
    assert made.content.endswith(raw[read_message(raw).root.body :]) or not raw.isascii()

"""Verifying: messages that others signed, each result there is, and hostile messages."""

import base64
import hashlib
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from mail.trust.dkim import DkimResult, Result, Rules, canonical_header, verify, warm
from mail.trust.dkim_canon import Signable
from mail.trust.dkim_keys import fits, public_key
from mail.trust.dkim_sign import SigningKey, over_the_message, sign
from mail.trust.questions import Question
from tests.unit.mail.trust.zone import ED, HERE, NOW, RSA, ZONE, Zone, ed25519_key, public, rsa_key, run, stored_zone

MESSAGES: dict[str, list[str]] = tomllib.loads((HERE / "dkim/messages.toml").read_text())
HEAD = b"From: Joe <joe@example.org>\r\nTo: x@y.example\r\nSubject: Hi\r\n"
MESSAGE = HEAD + b"\r\nHello,\r\n\r\nhow are you?\r\n"
SIGNED = sign(MESSAGE, [RSA], NOW) + MESSAGE
KEY = public(rsa_key())


def results(message: bytes, zone: Zone = ZONE, now_s: int = NOW, rules: Rules = Rules()) -> list[str]:  # noqa: B008
    return [one.result.value for one in run(verify(message, now_s, rules), zone)]


def only(message: bytes, zone: Zone = ZONE, now_s: int = NOW, rules: Rules = Rules()) -> DkimResult:  # noqa: B008
    (one,) = run(verify(message, now_s, rules), zone)
    return one


def record(text: str) -> Zone:
    return {"rsa._domainkey.example.org": [text.encode()]}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_of_others(name: str) -> None:
    assert results((HERE / "dkim" / name).read_bytes(), stored_zone()) == MESSAGES[name]


@pytest.mark.parametrize("name", [name for name in MESSAGES if "policy" not in MESSAGES[name]])
def test_a_changed_byte_of_body_or_signed_field_fails(name: str) -> None:
    raw = (HERE / "dkim" / name).read_bytes()
    changed = [
        raw + b"x\r\n",
        raw.replace(b"\r\nSubject: ", b"\r\nSubject: X", 1),
        raw.replace(b"\r\nFrom: ", b"\r\nFrom: X"),
    ]
    for message in changed[(1 if "length" in name else 0) :]:
        assert set(results(message, stored_zone())) == {"fail"}


def test_what_a_result_tells() -> None:
    found = only(SIGNED)
    assert found.result is Result.PASS
    assert (found.domain, found.identity, found.selector) == ("example.org", "@example.org", "rsa")
    assert (found.algorithm, found.key_bits, found.testing, found.why) == ("rsa-sha256", 2048, False, "")
    assert len(found.b) == 8
    assert b"b=" + found.b.encode() in SIGNED


def test_no_signature_is_no_result_and_no_question() -> None:
    asked: list[tuple[Question, ...]] = []
    assert run(verify(MESSAGE, NOW), ZONE, asked) == ()
    assert asked == []


def test_all_keys_are_asked_for_at_once_and_each_once() -> None:
    asked: list[tuple[Question, ...]] = []
    message = sign(MESSAGE, [RSA, ED, RSA], NOW) + MESSAGE
    assert [one.result for one in run(verify(message, NOW), ZONE, asked)] == ["pass"] * 3
    names = ("rsa._domainkey.example.org", "ed._domainkey.example.org")
    assert asked == [tuple(Question(name, "TXT") for name in names)]


@pytest.mark.parametrize(
    ("answer", "result", "why"),
    [
        ("tempfail", "temperror", "could not be asked"),
        ("nxdomain", "permerror", "no key"),
        ("ok", "permerror", "no key"),
        ([b"v=spf1 -all"], "permerror", "cannot be read"),
        ([b"v=DKIM1; p="], "permerror", "revoked"),
        ([f"v=DKIM1; h=sha1; p={KEY}".encode()], "permerror", "hash"),
        ([f"v=DKIM1; s=other; p={KEY}".encode()], "permerror", "mail"),
        ([f"v=DKIM1; k=ed25519; p={public(ed25519_key())}".encode()], "permerror", "another algorithm"),
        ([f"v=DKIM1; p={public(rsa_key(1024))}".encode()], "fail", "not by the key"),
        ([f"v=DKIM1; t=y; p={public(rsa_key(1024))}".encode()], "neutral", "for tests"),
        ([b"rubbish", f"p={KEY}".encode()], "pass", ""),
        ([f"v=DKIM1; p={public(rsa_key(1024))}".encode(), f"p={KEY}".encode()], "pass", ""),
        ([b"rubbish"] * 4 + [f"p={KEY}".encode()], "permerror", "cannot be read"),
    ],
)
def test_answers(answer: Any, result: str, why: str) -> None:
    found = only(SIGNED, {"rsa._domainkey.example.org": answer})
    assert found.result == result
    assert why in found.why


def test_short_keys_are_refused_from_the_size_that_the_rules_say() -> None:
    message = sign(MESSAGE, [SigningKey("example.org", "rsa", rsa_key(1024))], NOW) + MESSAGE
    zone = record(f"p={public(rsa_key(1024))}")
    assert results(message, zone) == ["pass"]
    found = only(message, zone, rules=Rules(rsa_bits_min=2048))
    assert (found.result, found.why, found.key_bits) == ("policy", "a key of 1024 bits is too short", 1024)


def test_rsa_sha1_is_refused_whatever_it_signs() -> None:
    field = b"DKIM-Signature: v=1; a=rsa-sha1; d=example.org; s=rsa; h=from; bh=" + b"A" * 27 + b"=; b=AAAA\r\n"
    found = only(field + MESSAGE)
    assert (found.result, found.why, found.domain) == ("policy", "rsa-sha1 is too weak", "example.org")


def test_a_key_for_tests_is_told() -> None:
    found = only(SIGNED, record(f"t=y; p={KEY}"))
    assert (found.result, found.testing) == ("pass", True)
    assert results(SIGNED + b"more\r\n", record(f"t=y; p={KEY}")) == ["neutral"]


@pytest.mark.parametrize(("flags", "result"), [("s", "permerror"), ("y:s", "permerror"), ("y", "pass")])
def test_a_key_that_is_not_for_subdomains(flags: str, result: str) -> None:
    message = (HERE / "dkim/rfc6376-a2.eml").read_bytes()
    name = "brisbane._domainkey.example.com"
    text = bytes(stored_zone()[name][0])
    assert results(message, {name: [text.replace(b"p=", f"t={flags}; p=".encode())]}) == [result]


@pytest.mark.parametrize(
    ("now_s", "result"),
    [(NOW, "pass"), (NOW - 300, "pass"), (NOW - 301, "policy"), (NOW + 400, "pass"), (NOW + 401, "policy")],
)
def test_times_with_their_slack(now_s: int, result: str) -> None:
    message = sign(MESSAGE, [RSA], NOW, expire_s=100) + MESSAGE
    assert results(message, now_s=now_s) == [result]


def test_from_must_be_signed() -> None:
    unsigned = SIGNED.replace(b"h=From:From:", b"h=Form:Form:")
    found = only(unsigned)
    assert (found.result, found.why) == ("permerror", "From is not signed")


@pytest.mark.parametrize("name", ["From", "Subject", "Reply-To", "Content-Type"])
def test_another_field_beside_the_signed_one(name: str) -> None:
    message = HEAD + f"{name}: x@example.org\r\n".encode() * (name not in ("From", "Subject")) + b"\r\nHello\r\n"
    signed = _signed_once(message)
    assert results(signed) == ["pass"]
    found = only(f"{name}: evil\r\n".encode() + signed)
    assert found.result == "policy"
    assert found.why == f"another {name} is not signed"


def _signed_once(message: bytes) -> bytes:
    """Signed without oversigning, which `sign` always does for From."""
    names = ["From", "Subject", "Reply-To", "Content-Type"]
    tags = [("v", "1"), ("a", "rsa-sha256"), ("c", "relaxed/relaxed"), ("d", "example.org"), ("s", "rsa")]
    signable = Signable(message)
    return over_the_message(signable, "DKIM-Signature", tags, names, ("relaxed", "relaxed"), RSA) + message


def test_an_oversigned_field_that_is_added_fails() -> None:
    assert results(b"Subject: evil\r\n" + SIGNED) == ["fail"]
    assert results(b"From: evil@example.com\r\n" + SIGNED) == ["fail"]
    assert results(b"X-New: fine\r\n" + SIGNED) == ["pass"]


def test_a_part_of_the_body_that_is_not_signed() -> None:
    raw = (HERE / "dkim/dkimpy-length-part.eml").read_bytes()
    found = only(raw, stored_zone())
    assert found.result == "policy"
    assert found.unsigned_bytes == len(b"Added by a list.\r\n")
    assert f"{found.unsigned_bytes} bytes" in found.why
    assert only(raw, stored_zone(), rules=Rules(partial_body=True)).result == "pass"
    whole = (HERE / "dkim/dkimpy-length-whole.eml").read_bytes()
    assert only(whole.replace(b"..dots", b".."), stored_zone()).why == "the body is shorter than l="


def test_the_canonical_header_is_what_was_signed() -> None:
    message = Signable(SIGNED)
    (found,) = run(verify(message, NOW), ZONE)
    assert found.signature is not None
    covered = canonical_header(message, found.signature)
    assert covered.startswith(b"from:Joe <joe@example.org>\r\nto:x@y.example\r\nsubject:Hi\r\ndkim-signature:v=1; ")
    key, _ = public_key("rsa", base64.b64decode(KEY))
    assert key is not None
    assert fits(key, found.signature.signature, hashlib.sha256(covered).digest())


def test_warming_leaves_nothing_to_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    message = Signable(SIGNED)
    warm(message)
    monkeypatch.setattr(message, "_canonical", None)
    assert [one.result for one in run(verify(message, NOW), ZONE)] == ["pass"]


def test_ten_thousand_signatures_cost_ten() -> None:
    asked: list[tuple[Question, ...]] = []
    fields = b"".join(
        b"DKIM-Signature: v=1; a=rsa-sha256; d=d%d.example; s=s; h=from; bh=%s; b=AAAA\r\n" % (number, b"A" * 43 + b"=")
        for number in range(10_000)
    )
    found = run(verify(fields + SIGNED, NOW), ZONE, asked)
    assert len(found) == 10
    assert [len(questions) for questions in asked] == [10]


HOSTILE: Mapping[str, tuple[bytes, list[str]]] = {
    "empty": (b"", []),
    "no header": (b"\r\nbody", []),
    "a body alone": (b"hello\r\nworld\r\n", []),
    "a line that is no field": (SIGNED.replace(b"\r\nTo:", b"\r\nno colon here\r\nTo:"), ["pass"]),
    "no blank line": (SIGNED.partition(b"\r\n\r\n")[0] + b"\r\n", ["fail"]),
    "LF for CRLF": (SIGNED.replace(b"\r\n", b"\n"), ["neutral"]),
    "a bare CR in a signed field": (SIGNED.replace(b"Subject: Hi", b"Subject: H\ri"), ["fail"]),
    "white space before the colon": (SIGNED.replace(b"\r\nTo:", b"\r\nTo \t:"), ["pass"]),
    "another case and folds": (SIGNED.replace(b"\r\nTo: ", b"\r\ntO:\r\n  \t"), ["pass"]),
    "unreadable beside a right one": (b"DKIM-Signature: rubbish\r\n" + SIGNED, ["neutral", "pass"]),
    "spaces": (SIGNED + b" " * 5_000_000, ["pass"]),
    "empty lines": (SIGNED + b"\r\n" * 2_000_000, ["pass"]),
    "a field of a megabyte": (b"DKIM-Signature: v=1; z=" + b"a" * 1_000_000 + b"\r\n" + SIGNED, ["neutral", "pass"]),
    "a list of ten thousand names": (SIGNED.replace(b"h=From:", b"h=" + b"a:" * 5_000 + b"From:"), ["fail"]),
    "Ed25519 said, RSA given": (SIGNED.replace(b"a=rsa-sha256", b"a=ed25519-sha256"), ["permerror"]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    message, expected = HOSTILE[name]
    assert results(message) == expected


def test_the_signature_is_never_what_its_own_list_names() -> None:
    first = sign(MESSAGE, [ED], NOW) + MESSAGE
    both = sign(first, [RSA], NOW, headers=["DKIM-Signature"]) + first
    assert results(both) == ["pass", "pass"]

"""Verifying chains: those that hold, those of others, and each step at which one fails (RFC 8617 5.2)."""

from collections.abc import Callable
from typing import Any

import pytest

from mail.trust.arc import ArcResult, ArcSeal, verify, warm
from mail.trust.arc_seal import seal
from mail.trust.dkim import Rules
from mail.trust.dkim_canon import Form, Signable, canonical_field
from mail.trust.dkim_sign import SigningKey, finished, over_the_message, unsigned
from mail.trust.questions import Question
from tests.unit.mail.trust.chains import MESSAGE, chain, fields_of, sealed
from tests.unit.mail.trust.zone import ED, HERE, NOW, RSA, ZONE, Zone, public, rsa_key, run, stored_zone


def result(message: bytes, zone: Zone = ZONE, now_s: int = NOW, rules: Rules = Rules()) -> ArcResult:  # noqa: B008
    return run(verify(message, now_s, rules), zone)


def test_no_sets_and_no_questions() -> None:
    asked: list[tuple[Question, ...]] = []
    assert run(verify(MESSAGE, NOW), ZONE, asked) == ArcResult("none")
    assert asked == []


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_chains_that_hold(count: int) -> None:
    found = result(chain(count))
    assert (found.result, found.why, found.instances, found.oldest_pass) == ("pass", "", count, 0)
    assert found.seals[0] == ArcSeal(1, "example.org", "rsa")
    assert found.newest == f"mx.example.org; spf=pass smtp.mfrom=n{count - 1}@example.org"


def test_fifty_sets_hold() -> None:
    assert result(chain(50)).instances == 50


def test_a_chain_of_dkimpy() -> None:
    found = result((HERE / "arc/dkimpy-three.eml").read_bytes(), stored_zone())
    assert (found.result, found.instances, found.newest.partition(";")[0]) == ("pass", 3, "mx2.example.org")
    changed = result((HERE / "arc/dkimpy-three-changed.eml").read_bytes(), stored_zone())
    assert (changed.result, changed.why) == ("fail", "the body was changed after the last seal")


def test_all_keys_are_asked_for_at_once_and_none_where_the_body_is_another() -> None:
    asked: list[tuple[Question, ...]] = []
    run(verify(chain(4), NOW), ZONE, asked)
    assert sorted(question.name for question in asked[0]) == ["ed._domainkey.example.org", "rsa._domainkey.example.org"]
    assert len(asked) == 1
    assert run(verify(chain(4) + b"more\r\n", NOW), ZONE, asked).result == "fail"
    assert len(asked) == 1


def test_a_change_between_two_sealers_is_told_by_the_oldest_that_passes() -> None:
    first = chain(2)
    listed = first.replace(b"Subject: Hi", b"Subject: [list] Hi") + b"-- \r\nof the list\r\n"
    # The list checked before it changed anything: its seal says pass.
    third = seal(listed, "lists.example.org", "arc=pass", "pass", ED, NOW) + listed
    found = result(sealed(third))
    assert (found.result, found.instances, found.oldest_pass) == ("pass", 4, 3)


SPOILT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "the subject": (lambda m: m.replace(b"Subject: Hi", b"Subject: Ha"), "ARC-Message-Signature i=3: the header"),
    "another From": (lambda m: b"From: evil@example.com\r\n" + m, "ARC-Message-Signature i=3: the header"),
    "the body": (lambda m: m + b"more\r\n", "the body was changed"),
    "the last results": (lambda m: m.replace(b"n2@", b"x2@"), "ARC-Seal i=3: the sets were changed"),
    "the first results": (lambda m: m.replace(b"n0@", b"x0@"), "ARC-Seal i=3: the sets were changed"),
    "cv=fail at the end": (lambda m: _verdict(m, 0, b"cv=pass", b"cv=fail"), "the last sealer found"),
    "cv=none in the middle": (lambda m: _verdict(m, 3, b"cv=pass", b"cv=none"), "cv=none is not what the seal i=2"),
    "cv=fail in the middle": (lambda m: _verdict(m, 3, b"cv=pass", b"cv=fail"), "cv=fail is not what the seal i=2"),
    "cv=pass at the begin": (lambda m: _verdict(m, 6, b"cv=none", b"cv=pass"), "cv=pass is not what the seal i=1"),
    "the time of a seal": (lambda m: _verdict(m, 0, b"t=1796000000", b"t=1796000001"), "ARC-Seal i=3"),
    "a seal from the future": (lambda m: _verdict(m, 0, b"t=1796000000", b"t=1797000000"), "from the future"),
    "rsa-sha1": (lambda m: _verdict(m, 0, b"a=rsa-sha256", b"a=rsa-sha1"), "rsa-sha1 is too weak"),
    "a seal without a key": (lambda m: _verdict(m, 6, b"s=rsa", b"s=gone"), "ARC-Seal i=3"),
}


def _verdict(message: bytes, at: int, old: bytes, new: bytes) -> bytes:
    raw = fields_of(message)[at]
    assert old in raw
    return message.replace(raw, raw.replace(old, new))


@pytest.mark.parametrize("name", SPOILT)
def test_each_step_may_fail(name: str) -> None:
    spoil, why = SPOILT[name]
    found = result(spoil(chain(3)))
    assert found.result == "fail"
    assert why in found.why
    assert not found.temporary


@pytest.mark.parametrize(
    ("answer", "why", "temporary"),
    [
        ("tempfail", "could not be asked", True),
        ("nxdomain", "no key", False),
        ([b"v=DKIM1; k=rsa; omg"], "cannot be read", False),
        ([f"p={public(rsa_key(1024))}".encode()], "not by the key", False),
    ],
)
def test_a_key_that_is_not_there_fails_for_good(answer: Any, why: str, temporary: bool) -> None:
    found = result(chain(1), {"rsa._domainkey.example.org": answer})
    assert (found.result, found.temporary) == ("fail", temporary)
    assert why in found.why


def test_short_keys_are_refused() -> None:
    key = SigningKey("example.org", "rsa", rsa_key(1024))
    message, zone = sealed(MESSAGE, key), {"rsa._domainkey.example.org": [f"p={public(rsa_key(1024))}".encode()]}
    assert result(message, zone).result == "pass"
    assert "1024 bits is too short" in result(message, zone, rules=Rules(rsa_bits_min=2048)).why


def _with_names(names: list[str], more: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A chain of one whose message signature names these fields."""
    tags = [("i", "1"), ("a", "ed25519-sha256"), ("d", "example.org"), ("s", "ed")]
    results = b"ARC-Authentication-Results: i=1; mx.example.org; none\r\n"
    forms: tuple[Form, Form] = ("relaxed", "relaxed")
    signature = over_the_message(
        Signable(results + MESSAGE), "ARC-Message-Signature", [*tags, ("c", "relaxed/relaxed"), *more], names, forms, ED
    )
    text = unsigned("ARC-Seal", [*tags, ("cv", "none")])
    covered = b"".join(canonical_field(raw, "relaxed") for raw in (results, signature, text)).removesuffix(b"\r\n")
    return finished(text, covered, ED) + signature + results + MESSAGE


def test_what_a_message_signature_may_name() -> None:
    assert result(_with_names(["From", "Subject"])).result == "pass"
    assert result(_with_names(["From", "ARC-Authentication-Results"])).result == "pass"  # old sealers do
    assert result(_with_names(["From", "", "Subject"])).result == "pass"
    assert "h= has a seal" in result(_with_names(["From", "ARC-Seal"])).why


@pytest.mark.parametrize("names", [["Subject"], [""], []])
def test_a_chain_that_leaves_from_open_holds_and_vouches_for_nothing(names: list[str]) -> None:
    found = result(_with_names(names).replace(b"From: ", b"From: boss@example.com, "))
    assert (found.result, found.instances) == ("pass", 1)
    assert (found.seals, found.payloads, found.recorded) == ((), (), None)
    assert "From is not signed" in found.why
    further = result(sealed(_with_names(names)))  # the next sealer's covers it
    assert (further.result, len(further.seals)) == ("pass", 2)


def test_a_length_must_be_the_whole_body() -> None:
    whole = len(b"Hello,\r\nhow are you?\r\n")
    assert result(_with_names(["From"], (("l", str(whole)),))).result == "pass"
    for length in (0, whole - 1, whole + 1):
        assert result(_with_names(["From"], (("l", str(length)),))).why == "l= is not the whole body"


def test_an_expired_message_signature_fails() -> None:
    message = _with_names(["From"], (("t", str(NOW)), ("x", str(NOW + 10))))
    assert result(message).result == "pass"
    assert "expired" in result(message, now_s=NOW + 1000).why


@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
def test_both_algorithms(key: SigningKey) -> None:
    assert result(sealed(MESSAGE, key)).result == "pass"


def test_warming_leaves_nothing_to_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    message = Signable(chain(2))
    warm(message)
    monkeypatch.setattr(message, "_canonical", None)
    assert run(verify(message, NOW), ZONE).result == "pass"
    warm(Signable(b"ARC-Seal: rubbish\r\n" + MESSAGE))  # says nothing of what is no chain


def test_what_the_last_sealer_recorded() -> None:
    found = result(sealed(MESSAGE, payload="spf=pass smtp.mailfrom=a@b.c; dkim=fail header.d=d.example"))
    assert found.recorded is not None
    assert found.recorded.authserv_id == "mx.example.org"
    assert [(one.method, one.result) for one in found.recorded.results] == [("spf", "pass"), ("dkim", "fail")]
    odd = result(sealed(MESSAGE, payload="spf=pass (("))
    assert (odd.result, odd.recorded) == ("pass", None)
    assert result(MESSAGE).recorded is None

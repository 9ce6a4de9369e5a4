"""A message checked: everything at the same time, one field, and facts with their evidence."""

import asyncio
import json
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest

from actors.trace.types import Fact
from cluster.clock import ManualClock
from gateway.trust.checks import APART_FROM_BYTES, Checks
from gateway.trust.settings import TrustSettings
from gateway.trust.verdict import Seal, Verdict
from mail.trust.authres import Property, Result, parse
from mail.trust.questions import Asking, Question
from tests.unit.gateway.trust.resolving import Knowing, Resolver
from tests.virtual import run

RECORDS: dict[str, Any] = {
    "1.2.0.192.in-addr.arpa": {"PTR": ["out.example.com"]},
    "out.example.com": {"A": ["192.0.2.1"], "TXT": [b"v=spf1 a -all"]},
    "example.com": {"TXT": [b"v=spf1 include:_spf.example.com -all", b"hello"]},
    "_spf.example.com": {"TXT": [b"v=spf1 mx:example.com -all"], "MX": []},
    "_dmarc.example.com": {"TXT": [b"v=DMARC1; p=reject; rua=mailto:d@example.com"]},
    "s1._domainkey.example.com": {"TXT": [b"v=DKIM1; p=abc"]},
    "by-user.test": {"TXT": [b"v=spf1 exists:%{l}.ok.test -all"]},
    "me.ok.test": {"A": ["127.0.0.2"]},
}
RECORDS["example.com"]["MX"] = [(10, "out.example.com")]
MESSAGE = b"From: Me <me@example.com>\r\nSubject: x\r\n\r\nHello\r\n"


class Signature(NamedTuple):
    result: str
    domain: str
    selector: str = "s1"
    algorithm: str = "rsa-sha256"
    why: str = ""
    b: str = "AbCdEfGhIjKl"


class Chain(NamedTuple):
    result: str
    why: str = ""
    oldest_pass: int = 0
    seals: tuple[Seal, ...] = ()
    newest: str = ""
    temporary: bool = False


UNCHAINED = Chain("none")


def _dkim(*signatures: Signature) -> Any:
    def verify(message: bytes, now_s: int) -> Asking[Sequence[Signature]]:
        assert isinstance(message, bytes)
        assert now_s == 1_700_000_000
        for one in signatures:
            yield (Question(f"{one.selector}._domainkey.{one.domain}", "TXT"),)
        return signatures

    return verify


def _arc(chain: Chain) -> Any:
    def verify(_message: bytes, _now_s: int) -> Asking[Chain]:
        yield (Question("arc._domainkey.example.com", "TXT"),)
        return chain

    return verify


def _checks(resolver: Resolver, *signatures: Signature, arc: Chain = UNCHAINED, **settings: Any) -> Checks:
    return Checks(
        resolver,
        ManualClock(),
        Random(1),
        "mx.example.org",
        dkim=_dkim(*signatures),
        arc=_arc(arc),
        settings=TrustSettings(**settings),
    )


def _run(checks: Checks, message: bytes = MESSAGE, sender: str = "me@example.com", **more: Any) -> Verdict:
    return run(checks.run(ip="192.0.2.1", helo="out.example.com", sender=sender, message=message, **more))


def test_a_good_message() -> None:
    found = _run(_checks(Resolver(RECORDS), Signature("pass", "example.com"), arc=Chain("pass", oldest_pass=1)))
    assert found.authentication_results.decode() == (
        "Authentication-Results: mx.example.org;\r\n"
        "\tiprev=pass (out.example.com) policy.iprev=192.0.2.1;\r\n"
        "\tspf=pass smtp.helo=out.example.com;\r\n"
        "\tspf=pass smtp.mailfrom=example.com;\r\n"
        "\tdkim=pass header.d=example.com header.s=s1 header.a=rsa-sha256\r\n"
        "\t header.b=AbCdEfGh;\r\n"
        "\tarc=pass smtp.remote-ip=192.0.2.1 header.oldest-pass=1;\r\n"
        "\tdmarc=pass (p=reject) header.from=example.com policy.dmarc=none\r\n"
    )
    assert found.dmarc is not None
    assert found.dmarc.aligned == ("spf:example.com", "dkim:example.com")
    assert [(fact.what, fact.how) for fact in found.facts] == [
        ("iprev", "pass"),
        ("spf", "pass"),
        ("spf", "pass"),
        ("dkim", "pass"),
        ("arc", "pass"),
        ("dmarc", "pass"),
    ]


def test_everything_is_asked_together_and_once() -> None:
    resolver = Resolver(RECORDS, wait_s=1.0)
    checks = _checks(resolver, Signature("pass", "example.com"))

    async def timed() -> float:
        await checks.run(ip="192.0.2.1", helo="example.com", sender="me@example.com", message=MESSAGE)
        return asyncio.get_running_loop().time()

    assert run(timed()) == pytest.approx(3.0)  # SPF's: the domain, the include, MX; its A was iprev's
    assert len(resolver.asked) == len(set(resolver.asked)) == 8


def test_facts_tell_what_was_asked_and_answered() -> None:
    found = _run(_checks(Resolver(RECORDS), Signature("fail", "example.com", why="the body has changed")))
    _, _, spf, dkim, arc, dmarc = found.facts
    assert arc == Fact("arc", "none", 1_700_000_000_000)
    assert spf.of["identity"] == "mailfrom"
    assert spf.of["mechanism"] == "include:_spf.example.com"
    assert spf.of["dns"][2] == {
        "name": "example.com",
        "kind": "MX",
        "status": "ok",
        "records": ["10 out.example.com"],
    }
    assert dkim.of["why"] == "the body has changed"
    assert dkim.of["dns"][0]["records"] == ["v=DKIM1; p=abc"]
    assert dmarc.of["policy_domain"] == "example.com"
    assert dmarc.of["aligned"] == ["spf:example.com"]
    for fact in found.facts:
        assert fact.at_ms == 1_700_000_000_000
        assert msgspec.json.decode(msgspec.json.encode(fact), type=Fact) == fact
        json.dumps(fact.of)


def test_a_message_that_fails() -> None:
    found = _run(_checks(Resolver(RECORDS)), sender="x@elsewhere.test")
    assert found.dmarc is not None
    assert (found.dmarc.result, found.dmarc.disposition) == ("fail", "reject")
    assert b"\tdkim=none;\r\n" in found.authentication_results
    assert b"dmarc=fail (p=reject) header.from=example.com policy.dmarc=reject" in found.authentication_results
    assert b"spf=none smtp.mailfrom=elsewhere.test" in found.authentication_results


def test_a_local_part_is_told_only_if_it_was_checked() -> None:
    checks = _checks(Resolver(RECORDS))
    assert b"smtp.mailfrom=me@by-user.test" in _run(checks, sender="me@by-user.test").authentication_results
    assert b"smtp.mailfrom=by-user.test" in _run(checks, sender="you@by-user.test").authentication_results


def test_the_null_reverse_path() -> None:
    found = _run(_checks(Resolver(RECORDS)), sender="")
    assert found.authentication_results.count(b"spf=pass smtp.helo=out.example.com") == 1
    assert found.authentication_results.count(b"spf=pass smtp.mailfrom=out.example.com") == 1
    assert found.dmarc is not None
    assert (found.dmarc.result, found.dmarc.aligned) == ("pass", ("spf:out.example.com",))


def test_no_author() -> None:
    found = _run(_checks(Resolver(RECORDS)), b"From: a@b.test\r\nFrom: c@d.test\r\n\r\n")
    assert found.dmarc is not None
    assert (found.dmarc.result, found.dmarc.why) == ("permerror", "2 From fields")
    assert b'dmarc=permerror reason="2 From fields"' in found.authentication_results


def test_a_temporary_error() -> None:
    resolver = Resolver(RECORDS)
    resolver.broken = {"example.com"}
    found = _run(_checks(resolver))
    assert found.envelope.spf is not None
    assert (found.envelope.spf.result, found.dmarc and found.dmarc.result) == ("temperror", "temperror")
    assert found.facts[2].of["dns"][0] == {
        "name": "example.com",
        "kind": "TXT",
        "status": "tempfail",
        "why": "broken",
    }


def test_the_deadline() -> None:
    resolver = Resolver(RECORDS, wait_s=1000)
    found = _run(_checks(resolver, Signature("temperror", "example.com"), deadline_s=20))
    told = parse(found.authentication_results.partition(b":")[2])
    assert told is not None
    assert [one.result for one in told.results if one.method != "arc"] == ["temperror"] * 5
    assert resolver.open == 0


def test_the_envelope_first() -> None:
    checks = _checks(resolver := Resolver(RECORDS), Signature("pass", "example.com"))
    envelope = run(checks.envelope("192.0.2.1", "out.example.com", "me@example.com"))
    assert envelope.iprev is not None
    assert envelope.spf_helo is not None
    assert envelope.spf is not None
    assert (envelope.iprev.result, envelope.spf_helo.result, envelope.spf.result) == ("pass", "pass", "pass")
    asked = len(resolver.asked)
    assert _run(checks, envelope=envelope) == _run(checks)
    assert asked == 6


def test_checks_can_be_left_out() -> None:
    found = _run(_checks(resolver := Resolver(RECORDS), checks=("dkim",)))
    assert found.authentication_results == b"Authentication-Results: mx.example.org;\r\n\tdkim=none\r\n"
    assert (found.envelope.spf, found.arc, found.dmarc) == (None, None, None)
    assert resolver.asked == []
    found = _run(_checks(Resolver(RECORDS), checks=()))
    assert found.authentication_results == b"Authentication-Results: mx.example.org; none\r\n"
    assert found.facts == ()


def test_dmarc_by_the_suffix_list() -> None:
    assert (dmarc := _run(_checks(Resolver(RECORDS), organizations="suffix-list"), sender="").dmarc) is not None
    assert (dmarc.result, dmarc.aligned) == ("pass", ("spf:out.example.com",))


def test_pct() -> None:
    records = RECORDS | {"_dmarc.half.test": {"TXT": [b"v=DMARC1; p=reject; pct=50"]}}
    message = b"From: a@half.test\r\n\r\n"
    checks = _checks(Knowing(records))
    dispositions = [(dmarc := _run(checks, message).dmarc) and dmarc.disposition for _ in range(20)]
    assert set(dispositions) == {"reject", "quarantine"}
    checks = _checks(Knowing(records), pct=False)
    dispositions = [(dmarc := _run(checks, message).dmarc) and dmarc.disposition for _ in range(20)]
    assert set(dispositions) == {"reject"}


def test_results_of_others_come_first() -> None:
    besides = [Result("auth", "pass", (Property("smtp", "auth", "me@example.org"),))]
    found = _run(_checks(Resolver(RECORDS), checks=(), authserv_id="example.org"), besides=besides)
    assert found.authentication_results == (
        b"Authentication-Results: example.org;\r\n\tauth=pass smtp.auth=me@example.org\r\n"
    )


def test_what_is_cached_costs_no_switch() -> None:
    async def work() -> Verdict:
        checks = _checks(Knowing(RECORDS), Signature("pass", "example.com"))
        running = checks.run(ip="192.0.2.1", helo="out.example.com", sender="me@example.com", message=MESSAGE)
        with pytest.raises(StopIteration) as end:
            running.send(None)  # it ends without having waited once
        return end.value.value  # type: ignore[no-any-return]

    assert run(work()).dmarc is not None


async def test_a_large_message() -> None:
    large = MESSAGE + b"x" * APART_FROM_BYTES
    checks = _checks(Resolver(RECORDS, wait_s=0), Signature("pass", "example.com"), arc=Chain("fail", "broken"))
    found = await checks.run(ip="192.0.2.1", helo="out.example.com", sender="me@example.com", message=large)
    assert found.dkim == (Signature("pass", "example.com"),)
    assert b"arc=fail reason=broken smtp" in found.authentication_results.replace(b'"', b"").replace(b"\r\n\t ", b" ")
    assert found.dmarc is not None
    assert found.dmarc.result == "pass"


def test_a_message_is_prepared_once_for_both() -> None:
    seen: list[Any] = []

    def verify(message: Any, _now_s: int) -> Asking[Any]:
        seen.append(message)
        yield (Question("x.test", "TXT"),)
        return () if len(seen) == 1 else UNCHAINED

    checks = Checks(Knowing({}), ManualClock(), Random(1), "mx.test", dkim=verify, arc=verify, prepare=bytearray)
    assert _run(checks).arc == UNCHAINED
    assert seen == [bytearray(MESSAGE)] * 2
    assert seen[0] is seen[1]


def test_forged_fields_are_taken_away() -> None:
    checks = _checks(Resolver({}), authserv_id="example.org")
    head = b"Authentication-Results: %s; dmarc=pass\r\n"
    ours = head % b"example.org" + head % b"MX.example.org" + head % b"x.example.org"
    assert checks.without_forgeries(ours) == head % b"x.example.org"


HOSTILE = [
    ("", "", b""),
    ("\r\nX: y", "\ud800@\ud800", b"\r\n\r\n"),
    ("(" * 500, "a" * 500, b"From: " + b"(" * 5000),
    ("[1.2.3.4]", '"a\\"b"@[::1]', b"From: " + b"\xff@" * 500 + b"\r\n\r\n"),
    ("x;spf=pass", 'x";dmarc=pass@x;y', b"From: a@b;dmarc=pass\r\n\r\n"),
]


@pytest.mark.parametrize(("helo", "sender", "message"), HOSTILE)
def test_nothing_hostile_breaks_the_field(helo: str, sender: str, message: bytes) -> None:
    bad = Signature("fail", 'x"\r\n;y', "(", ";", "why\r\n)", '"')
    checks = _checks(Knowing({}), bad)
    found = run(checks.run(ip="not an address", helo=helo, sender=sender, message=message))
    told = parse(found.authentication_results.partition(b":")[2])
    assert told is not None
    assert [one.method for one in told.results] == ["iprev", "spf", "spf", "dkim", "arc", "dmarc"]
    assert found.authentication_results.count(b"\n") == found.authentication_results.count(b"\r\n")
    for fact in found.facts:
        msgspec.json.encode(fact)

"""What DANE demands of a host: RFC 7672 §2.2, each situation a case."""

import hashlib
from typing import Any

import pytest

from cluster.dns.memory import MemoryResolver
from mail.trust.dane import Tlsa, TlsaPlan, tlsa_for, usable
from mail.trust.questions import Asking

HASH = "ab" * 32
GOOD = (3, 1, 1, bytes.fromhex(HASH))
ZONES: dict[str, dict[str, list[str]]] = {
    "mx.signed.test": {"A": ["192.0.2.1"]},
    "_25._tcp.mx.signed.test": {"TLSA": [f"3 1 1 {HASH}"]},
    "six.signed.test": {"AAAA": ["2001:db8::1"]},
    "_25._tcp.six.signed.test": {"TLSA": [f"2 0 1 {HASH}", f"3 1 1 {HASH}"]},
    "none.signed.test": {"A": ["192.0.2.2"]},
    "pkix.signed.test": {"A": ["192.0.2.3"]},
    "_25._tcp.pkix.signed.test": {"TLSA": [f"1 1 1 {HASH}", "3 1 1 00"]},
    "broken.signed.test": {"A": ["192.0.2.4"]},
    "empty.signed.test": {"TXT": ["x"]},
    "alias.signed.test": {"CNAME": ["mx.signed.test"]},
    "own.signed.test": {"CNAME": ["none.signed.test"]},
    "_25._tcp.own.signed.test": {"TLSA": [f"3 1 1 {HASH}"]},
    "out.signed.test": {"CNAME": ["mx.plain.test"]},
    "_25._tcp.out.signed.test": {"TLSA": [f"3 1 1 {HASH}"]},
    "away.signed.test": {"A": ["192.0.2.5"]},
    "_25._tcp.away.signed.test": {"CNAME": ["_25._tcp.mx.plain.test"]},
    "mx.plain.test": {"A": ["192.0.2.9"]},
    "_25._tcp.mx.plain.test": {"TLSA": [f"3 1 1 {HASH}"]},
    "in.plain.test": {"CNAME": ["mx.signed.test"]},
}
FAILING = ("_25._tcp.broken.signed.test", "lost.signed.test", "_25._tcp.mx.plain.test")


def resolver() -> MemoryResolver:
    return MemoryResolver(ZONES, secure=["signed.test"], failing=FAILING)


def run(asking: Asking[TlsaPlan], of: MemoryResolver) -> TlsaPlan:
    answers: Any = None
    while True:
        try:
            questions = asking.send(answers)
        except StopIteration as end:
            plan: TlsaPlan = end.value
            return plan
        answers = tuple(of.known(name, kind) for name, kind in questions)


@pytest.mark.parametrize(
    ("host", "level", "base"),
    [
        ("mx.signed.test", "dane", "mx.signed.test"),
        ("six.signed.test", "dane", "six.signed.test"),
        ("none.signed.test", "none", ""),
        ("pkix.signed.test", "encrypt", "pkix.signed.test"),
        ("broken.signed.test", "defer", "broken.signed.test"),
        ("lost.signed.test", "defer", ""),
        ("empty.signed.test", "none", ""),
        ("gone.signed.test", "none", ""),
        ("alias.signed.test", "dane", "mx.signed.test"),  # the end of the aliases comes first
        ("own.signed.test", "dane", "own.signed.test"),  # then the name itself
        ("out.signed.test", "dane", "out.signed.test"),  # a validated alias of what is not
        ("in.plain.test", "none", ""),
        ("mx.plain.test", "none", ""),  # whose TLSA records cannot be looked up: nobody asks for them
        ("away.signed.test", "none", ""),
    ],
)
def test_what_is_demanded(host: str, level: str, base: str) -> None:
    plan = run(tlsa_for(host, mx_secure=True, names=("example.test", "end.example.test")), resolver())
    assert (plan.level, plan.base) == (level, base)
    assert plan.why
    if level == "dane":
        assert plan.names == (base, "example.test", "end.example.test")
        assert Tlsa(*GOOD) in plan.records


def test_nothing_is_asked_for_a_host_that_is_not_proven() -> None:
    asked = resolver()
    assert run(tlsa_for("mx.signed.test", mx_secure=False), asked).level == "none"
    assert not asked.asked


def test_no_tlsa_record_of_an_unsigned_zone_is_asked_for() -> None:
    asked = resolver()
    run(tlsa_for("mx.plain.test", mx_secure=True), asked)
    assert not any(kind == "TLSA" for _, kind in asked.asked)


def test_another_port() -> None:
    zones = {"mx.test": {"A": ["192.0.2.1"]}, "_2525._tcp.mx.test": {"TLSA": [f"3 1 1 {HASH}"]}}
    plan = run(tlsa_for("mx.test", mx_secure=True, port=2525), MemoryResolver(zones, secure=[""]))
    assert plan.records == (Tlsa(*GOOD),)
    assert str(plan.records[0]) == f"3 1 1 {HASH}"


SHORT, LONG = hashlib.sha256(b"").digest(), hashlib.sha512(b"").digest()


@pytest.mark.parametrize(
    ("records", "kept"),
    [
        ([(3, 1, 1, SHORT), (2, 0, 2, LONG)], [0, 1]),
        ([(0, 0, 1, SHORT), (1, 1, 1, SHORT), (4, 1, 1, SHORT), (255, 1, 1, SHORT)], []),  # RFC 7672 §3.1.3
        ([(3, 2, 1, SHORT), (3, 1, 3, SHORT)], []),
        ([(3, 1, 1, LONG), (3, 1, 2, SHORT), (3, 1, 1, b""), (3, 0, 0, b"")], []),
        ([(3, 1, 1, SHORT), (3, 1, 2, LONG)], [1]),  # RFC 7671 §9: the strongest digest
        ([(3, 1, 1, SHORT), (3, 0, 2, LONG)], [0, 1]),  # of each usage and selector
        ([(3, 1, 1, SHORT), (3, 1, 0, b"key"), (3, 1, 2, LONG)], [1, 2]),
        ([(3, 1, 1, SHORT), (3, 1, 2, SHORT)], [0]),  # a malformed one is not the strongest
    ],
)
def test_which_records_count(records: list[tuple[int, int, int, bytes]], kept: list[int]) -> None:
    assert usable(records) == tuple(Tlsa(*records[at]) for at in kept)


@pytest.mark.parametrize(("usage", "selector", "matching"), [(3, 0, 0), (3, 1, 0), (2, 0, 1), (3, 1, 1), (3, 1, 2)])
def test_what_a_record_is_about(usage: int, selector: int, matching: int) -> None:
    chosen = b"certificate" if selector == 0 else b"key"
    digest = {0: chosen, 1: hashlib.sha256(chosen).digest(), 2: hashlib.sha512(chosen).digest()}[matching]
    record = Tlsa(usage, selector, matching, digest)
    assert record.fits(b"certificate", b"key")
    assert not record.fits(b"another", b"other")

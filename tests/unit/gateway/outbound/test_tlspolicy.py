"""What is asked of each host: DANE, MTA-STS, REQUIRETLS and the settings against each other."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from cluster.clock import ManualClock
from cluster.dns.memory import MemoryResolver
from gateway.outbound.policysettings import TlsSettings, Wish
from gateway.outbound.sts import Found
from gateway.outbound.tls import Problem, TlsPolicy
from gateway.outbound.tlspolicy import TlsPolicies
from mail.trust.mtasts import Mode, Policy, lines_of
from tests.authorities import NOW, Certified

ROOT = Certified.root()
BETWEEN = ROOT.authority("Between")
SERVER = BETWEEN.server("mx.dane.test", "mx.sts.test", "mx.plain.test")
KEY = hashlib.sha256(SERVER.spki).hexdigest()
ZONES: dict[str, dict[str, list[str]]] = {
    "mx.dane.test": {"A": ["192.0.2.1"]},
    "_25._tcp.mx.dane.test": {"TLSA": [f"3 1 1 {KEY}", f"1 1 1 {KEY}"]},
    "old.dane.test": {"A": ["192.0.2.2"]},
    "_25._tcp.old.dane.test": {"TLSA": [f"1 1 1 {KEY}"]},
    "lost.dane.test": {"A": ["192.0.2.3"]},
    "mx.sts.test": {"A": ["192.0.2.4"]},
    "mx.plain.test": {"A": ["192.0.2.5"]},
}


class Sts:
    """Answers from a table."""

    def __init__(self, found: Mapping[str, Found]) -> None:
        self._found = found

    async def find(self, domain: str) -> Found:
        return self._found.get(domain, Found())


def policy(mode: Mode = "enforce", *mx: str) -> Policy:
    return Policy(mode, mx or ("*.sts.test",), 604_800)


def policies(sts: Policy | None = None, failure: str = "", roots: bool = True, **settings: Any) -> TlsPolicies:
    resolver = MemoryResolver(ZONES, secure=["dane.test"], failing=["_25._tcp.lost.dane.test"])
    found = Found(sts, failure, "it failed" if failure else "")
    return TlsPolicies(
        resolver,
        Sts({"example.test": found}),  # type: ignore[arg-type] # as much of it as is used
        TlsSettings(**settings),
        ManualClock(int(NOW.timestamp() * 1000)),
        roots=[ROOT.der] if roots else [Certified.root("Other").der],
    )


async def plan(
    of: TlsPolicies,
    host: str,
    *,
    mx_secure: bool = True,
    require_tls: bool = False,
    tls_optional: bool = False,
    level: Wish = "opportunistic",
) -> TlsPolicy:
    planned = await of.plan(
        "example.test", [host], mx_secure=mx_secure, require_tls=require_tls, tls_optional=tls_optional, level=level
    )
    assert list(planned) == [host]
    hash(planned[host])
    return planned[host]


@pytest.mark.parametrize(
    ("host", "mx_secure", "sts", "level"),
    [
        ("mx.plain.test", True, None, "opportunistic"),
        ("192.0.2.1", True, None, "opportunistic"),
        ("mx.dane.test", True, None, "dane"),
        ("mx.dane.test", False, None, "opportunistic"),
        ("old.dane.test", True, None, "encrypt"),
        ("lost.dane.test", True, None, "refused"),
        ("mx.sts.test", False, policy(), "sts"),
        ("mx.plain.test", False, policy(), "refused"),
        ("mx.dane.test", True, policy(), "dane"),  # RFC 8461 §2: whether it is named there or not
        ("mx.dane.test", False, policy(), "refused"),
        ("old.dane.test", True, policy("enforce", "old.dane.test"), "sts"),
        ("old.dane.test", True, policy("testing", "old.dane.test"), "encrypt"),
        ("lost.dane.test", True, policy("enforce", "lost.dane.test"), "refused"),
        ("mx.sts.test", True, policy("testing"), "opportunistic"),
        ("mx.plain.test", True, policy("testing"), "opportunistic"),
        ("mx.plain.test", True, policy("none"), "opportunistic"),
    ],
)
async def test_what_is_published_is_heeded(host: str, mx_secure: bool, sts: Policy | None, level: str) -> None:
    found = await plan(policies(sts), host, mx_secure=mx_secure)
    assert found.level == level
    assert bool(found.why) == (found.kind != "no-policy-found" or level == "refused")
    assert found.testing == (sts is not None and sts.mode == "testing" and level == "opportunistic")


@pytest.mark.parametrize(
    ("host", "mx_secure", "sts", "level"),
    [
        ("mx.dane.test", True, None, "dane"),
        ("mx.sts.test", False, policy(), "sts"),
        ("mx.plain.test", True, None, "pkix"),  # the MX is proven, the certificate can be
        ("mx.plain.test", False, None, "refused"),
        ("old.dane.test", True, None, "pkix"),
        ("mx.sts.test", False, policy("testing"), "refused"),
        ("mx.plain.test", False, policy(), "refused"),
    ],
)
async def test_requiretls(host: str, mx_secure: bool, sts: Policy | None, level: str) -> None:
    for destinations in ({}, {"example.test": "opportunistic"}):
        found = await plan(policies(sts, destinations=destinations), host, mx_secure=mx_secure, require_tls=True)
        assert (found.level, found.testing) == (level, False)


async def test_requiretls_where_the_settings_have_no_tls() -> None:
    of = policies(destinations={"example.test": "none"})
    assert (await plan(of, "mx.plain.test", require_tls=True)).level == "refused"


@pytest.mark.parametrize("host", ["mx.dane.test", "lost.dane.test", "mx.sts.test", "mx.plain.test"])
async def test_a_sender_may_have_it_ignored(host: str) -> None:
    of = policies(policy())
    assert await plan(of, host, tls_optional=True) == TlsPolicy("opportunistic")


@pytest.mark.parametrize(
    ("wish", "host", "level"),
    [
        ("none", "mx.dane.test", "none"),
        ("opportunistic", "mx.dane.test", "opportunistic"),
        ("encrypt", "mx.plain.test", "encrypt"),
        ("encrypt", "mx.dane.test", "dane"),
        ("pkix", "mx.plain.test", "pkix"),
        ("pkix", "old.dane.test", "pkix"),
        ("dane", "mx.dane.test", "dane"),
        ("dane", "old.dane.test", "refused"),
        ("dane", "mx.plain.test", "refused"),
    ],
)
async def test_settings_by_destination(wish: str, host: str, level: str) -> None:
    for named in ("example.test", ".test"):
        assert (await plan(policies(destinations={named: wish}), host)).level == level
    assert (await plan(policies(destinations={"ample.test": wish, ".example.test": wish}), "mx.plain.test")).level == (
        "opportunistic"
    )


async def test_settings_for_all() -> None:
    assert (await plan(policies(), "mx.plain.test", level="encrypt")).level == "encrypt"
    assert (await plan(policies(), "mx.plain.test", level="none")).level == "none"
    assert (await plan(policies(), "mx.dane.test", level="none")).level == "dane"
    assert (await plan(policies(dane=False), "mx.dane.test")).level == "opportunistic"
    assert (await plan(policies(policy(), mta_sts=False), "mx.plain.test")).level == "opportunistic"
    assert (await plan(policies(), "mx.plain.test", tls_optional=True, level="encrypt")).level == "opportunistic"


async def test_hosts_of_a_domain_differ() -> None:
    hosts = ["mx.dane.test", "mx.sts.test", "mx.plain.test"]
    found = await policies(policy()).plan(
        "example.test", hosts, mx_secure=True, require_tls=False, tls_optional=False, level="encrypt"
    )
    assert {host: one.level for host, one in found.items()} == {
        "mx.dane.test": "dane",
        "mx.sts.test": "sts",
        "mx.plain.test": "refused",
    }


async def test_what_a_report_says_of_them() -> None:
    dane = await plan(policies(), "mx.dane.test")
    assert (dane.kind, dane.domain, dane.sni) == ("tlsa", "mx.dane.test", "mx.dane.test")
    assert dane.strings == (f"3 1 1 {KEY}", f"1 1 1 {KEY}")
    assert dane.names == ("mx.dane.test", "example.test")
    sts = await plan(policies(policy()), "mx.sts.test")
    assert (sts.kind, sts.domain, sts.strings, sts.patterns) == (
        "sts",
        "example.test",
        lines_of(policy()),
        ("*.sts.test",),
    )
    refused = await plan(policies(policy()), "mx.plain.test")
    assert [problem.failure for problem in refused.problems] == ["validation-failure"]
    lost = await plan(policies(failure="sts-policy-invalid"), "lost.dane.test")
    assert lost.problems[0] == Problem("sts", "sts-policy-invalid", "it failed")
    assert [problem.failure for problem in lost.problems] == ["sts-policy-invalid", "dnssec-invalid"]
    assert [problem.failure for problem in (await plan(policies(), "old.dane.test")).problems] == ["tlsa-invalid"]
    demanding = policies(destinations={"example.test": "dane"})
    assert [one.failure for one in (await plan(demanding, "mx.plain.test")).problems] == ["dane-required"]


OTHER = Certified.root("Other").server("mx.dane.test", "mx.sts.test")


@pytest.mark.parametrize(
    ("host", "sts", "chain", "ok", "proof", "failure"),
    [
        ("mx.dane.test", None, SERVER.chain, True, "dane", ""),
        ("mx.dane.test", None, SERVER.chain[:1], True, "dane", ""),
        ("mx.dane.test", None, OTHER.chain, False, "", "certificate-not-trusted"),
        ("mx.dane.test", None, [], False, "", "validation-failure"),
        ("mx.sts.test", policy(), SERVER.chain, True, "sts", ""),
        ("mx.sts.test", policy(), SERVER.chain[:1], False, "", "certificate-not-trusted"),
        ("mx.sts.test", policy(), OTHER.chain, False, "", "certificate-not-trusted"),
        ("x.sts.test", policy(), SERVER.chain, False, "", "certificate-host-mismatch"),
        ("mx.sts.test", policy("testing"), SERVER.chain, True, "sts", ""),
        ("mx.sts.test", policy("testing"), OTHER.chain, True, "", "certificate-not-trusted"),
        ("mx.plain.test", policy("testing"), SERVER.chain, True, "", "validation-failure"),
        ("old.dane.test", None, OTHER.chain, True, "", ""),
        ("mx.plain.test", None, OTHER.chain, True, "", ""),
        ("mx.plain.test", None, [], True, "", ""),
        ("mx.plain.test", policy(), SERVER.chain, False, "", ""),
    ],
)
async def test_what_a_chain_is_worth(
    host: str, sts: Policy | None, chain: list[bytes], ok: bool, proof: str, failure: str
) -> None:
    of = policies(sts)
    verdict = of.check(await plan(of, host), chain, host)
    assert (verdict.ok, verdict.proof, verdict.failure) == (ok, proof, failure)
    assert bool(verdict.why) == bool(failure)


@pytest.mark.parametrize(
    ("level", "ok", "failure"),
    [
        ("none", True, ""),
        ("opportunistic", True, "starttls-not-supported"),
        ("encrypt", False, "starttls-not-supported"),
        ("dane", False, "starttls-not-supported"),
        ("sts", False, "starttls-not-supported"),
        ("pkix", False, "starttls-not-supported"),
    ],
)
def test_what_no_tls_is_worth(level: Any, ok: bool, failure: str) -> None:
    verdict = policies().check_clear(TlsPolicy(level))
    assert (verdict.ok, verdict.failure) == (ok, failure)

"""Certificates and policies of the simplest kind."""

import asyncio
import datetime as dt
from collections.abc import Sequence

import pytest

from cluster.clock import ManualClock
from gateway.outbound.tls import SettledPolicies, TlsPolicy, Verdict, client_context
from tests.unit.gateway.outbound.authority import DAY, Authority

NOW = dt.datetime.fromtimestamp(ManualClock().now_ms() / 1000, dt.UTC)


ROOT = Authority(NOW)


def check(level: str, chain: Sequence[bytes], host: str = "mx.test") -> Verdict:
    policies = SettledPolicies("pkix", ManualClock(), [ROOT.root, b"no certificate"])
    return policies.check(TlsPolicy(level), chain, host)  # type: ignore[arg-type]


def test_a_chain_to_the_root() -> None:
    assert check("pkix", [ROOT.leaf("mx.test")]) == Verdict(True, "pkix")
    assert check("pkix", [ROOT.leaf("*.test")]).ok


@pytest.mark.parametrize(
    ("chain", "failure"),
    [
        ([ROOT.leaf("other.test")], "certificate-host-mismatch"),
        ([ROOT.leaf("mx.test", NOW - DAY)], "certificate-expired"),
        ([Authority(NOW).leaf("mx.test")], "certificate-not-trusted"),
        ([], "certificate-not-trusted"),
        ([b"junk"], "certificate-not-trusted"),
    ],
)
def test_what_is_wrong(chain: list[bytes], failure: str) -> None:
    verdict = check("pkix", chain)
    assert not verdict.ok
    assert verdict.failure == failure
    assert verdict.why


def test_other_levels_do_not_ask() -> None:
    for level in ("none", "opportunistic", "encrypt"):
        assert check(level, []) == Verdict(True)
    for level in ("dane", "sts", "refused"):
        assert not check(level, [ROOT.leaf("mx.test")]).ok


def test_plans() -> None:
    def plan(*, mx_secure: bool = False, require_tls: bool = False, tls_optional: bool = False) -> str:
        policies = SettledPolicies("encrypt", ManualClock())
        found = asyncio.run(
            policies.plan("x.test", ["a", "b"], mx_secure=mx_secure, require_tls=require_tls, tls_optional=tls_optional)
        )
        assert found["a"] == found["b"]
        return found["a"].level

    assert plan() == "encrypt"
    assert plan(tls_optional=True) == "opportunistic"
    assert plan(require_tls=True) == "refused"
    assert plan(require_tls=True, mx_secure=True) == "pkix"


def test_the_handshake_itself_judges_nothing_but_old_versions() -> None:
    context = client_context()
    assert context.minimum_version.name == "TLSv1_2"
    assert not context.check_hostname

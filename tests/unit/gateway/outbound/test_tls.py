"""Certificates and policies of the simplest kind."""

import asyncio
import datetime as dt
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cluster.clock import ManualClock
from gateway.outbound.tls import SettledPolicies, TlsPolicy, Verdict, client_context

NOW = dt.datetime.fromtimestamp(ManualClock().now_ms() / 1000, dt.UTC)
DAY = dt.timedelta(days=1)


class Authority:
    """A root that signs."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
        self.root = self._made(self.name, self.key, None, NOW + 9 * DAY)

    def _made(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, host: str | None, until: dt.datetime) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 5 * DAY)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if host is None:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            server = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH])
            builder = builder.add_extension(server, critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def leaf(self, host: str, until: dt.datetime = NOW + DAY) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        return self._made(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")]), key, host, until)


ROOT = Authority()


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
        ([Authority().leaf("mx.test")], "certificate-not-trusted"),
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

"""How a connection must be protected: what is asked of the policies, and the simplest that answers.

The law: opportunistic is the least, never a reason to fail; whatever is more is never sent without. A certificate is
judged after the handshake, by the policy alone.
"""

import contextlib
import datetime as dt
import ipaddress
import ssl
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple, Protocol

import msgspec
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from cluster.clock import Clock

Level = Literal["none", "opportunistic", "encrypt", "dane", "sts", "pkix", "refused"]
REQUIRED: Final = frozenset({"encrypt", "dane", "sts", "pkix"})
"""Levels under which nothing is sent in the clear."""


class TlsPolicy(msgspec.Struct, frozen=True):
    """What is asked of one host. Must be hashable: connections are shared where it is the same."""

    level: Level = "opportunistic"
    why: str = ""
    """Of `refused`: why nothing may be sent to this host."""


class Verdict(NamedTuple):
    """What a certificate is worth. `failure`: the result type of RFC 8460 4.3, also of one that may pass."""

    ok: bool
    proof: Literal["", "dane", "sts", "pkix"] = ""
    failure: str = ""
    why: str = ""


class TlsOutcome(msgspec.Struct, frozen=True):
    """One session, for reports (RFC 8460). `failure` empty: it went well."""

    domain: str
    host: str
    ip: str
    source: str
    policy: TlsPolicy
    failure: str = ""
    why: str = ""


Observer = Callable[[TlsOutcome], None]


class TlsPolicies(Protocol):
    """Who knows the policies of domains."""

    async def plan(
        self, domain: str, hosts: Sequence[str], *, mx_secure: bool, require_tls: bool, tls_optional: bool
    ) -> dict[str, TlsPolicy]:
        """The policy for each of the domain's hosts. Raises nothing for anything the network does."""
        ...

    def check(self, policy: TlsPolicy, chain_der: Sequence[bytes], host: str) -> Verdict:
        """What this chain, leaf first, is worth."""
        ...


class SettledPolicies:
    """One level for all, from the settings; REQUIRETLS (RFC 8689 2) where DNSSEC proves the MX."""

    def __init__(self, level: Level, clock: Clock, roots: Iterable[bytes] = ()) -> None:
        """`roots`: trusted certificates (DER); none: the system's."""
        self._level = level
        self._clock = clock
        self._roots = tuple(roots)
        self._store: Store | None = None

    async def plan(
        self,
        domain: str,  # noqa: ARG002 - of the interface
        hosts: Sequence[str],
        *,
        mx_secure: bool,
        require_tls: bool,
        tls_optional: bool,
    ) -> dict[str, TlsPolicy]:
        """The same for each host."""
        policy = TlsPolicy(self._level)
        if tls_optional and self._level in REQUIRED:
            policy = TlsPolicy("opportunistic")
        if require_tls:
            policy = TlsPolicy("pkix") if mx_secure else TlsPolicy("refused", "its MX is not proven")
        return dict.fromkeys(hosts, policy)

    def check(self, policy: TlsPolicy, chain_der: Sequence[bytes], host: str) -> Verdict:
        """Judged only where the policy is pkix."""
        if policy.level != "pkix":
            return Verdict(policy.level not in ("dane", "sts", "refused"))
        if self._store is None:
            self._store = Store(_readable(self._roots or _system_roots()))
        now = dt.datetime.fromtimestamp(self._clock.now_ms() / 1000, dt.UTC)
        return check_pkix(chain_der, host, self._store, now)


def check_pkix(chain_der: Sequence[bytes], host: str, store: Store, now: dt.datetime) -> Verdict:
    """Whether a chain leads to a trusted root and is for the host (RFC 9525)."""
    try:
        leaf, *others = [x509.load_der_x509_certificate(der) for der in chain_der]
        verifier = PolicyBuilder().store(store).time(now).build_server_verifier(_subject(host))
        verifier.verify(leaf, others)
    except VerificationError as error:
        return Verdict(False, "", _failure(leaf, host, now), str(error)[:200])
    except ValueError as error:  # no chain, or one that cannot be read
        return Verdict(False, "", "certificate-not-trusted", str(error)[:200])
    return Verdict(True, "pkix")


def _subject(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _failure(leaf: x509.Certificate, host: str, now: dt.datetime) -> str:
    """RFC 8460 4.3.1."""
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        return "certificate-expired"
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        listed = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    except (x509.ExtensionNotFound, ValueError):
        listed = []
    wild = "*." + host.lower().partition(".")[2]
    return "certificate-not-trusted" if host.lower() in listed or wild in listed else "certificate-host-mismatch"


def _readable(roots: Iterable[bytes]) -> list[x509.Certificate]:
    """Some systems trust certificates that break the rules of today: these prove nothing here."""
    found: list[x509.Certificate] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for der in roots:
            with contextlib.suppress(ValueError):
                found.append(x509.load_der_x509_certificate(der))
    return found


def _system_roots() -> list[bytes]:
    return ssl.create_default_context().get_ca_certs(binary_form=True)


def client_context() -> ssl.SSLContext:
    """For all outgoing connections: the policy judges the certificate, so the handshake does not. TLS 1.2 is the least
    (RFC 8996)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    return context


def chain_of(session: ssl.SSLObject | None) -> list[bytes]:
    """The certificates the server showed, leaf first (DER)."""
    if session is None:
        return []
    if hasattr(session, "get_unverified_chain"):  # Python 3.13
        return list(session.get_unverified_chain())
    inner = getattr(session, "_sslobj", None)
    chain = inner.get_unverified_chain() if inner is not None else None  # as Python 3.10 to 3.12 have it
    if chain:
        return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain]
    leaf = session.getpeercert(binary_form=True)
    return [leaf] if leaf else []

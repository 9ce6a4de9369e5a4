"""How a connection to each host of a domain must be protected: DANE, else MTA-STS, REQUIRETLS, and the settings.

The law: what a domain has published in a way that can be trusted is never undercut, unless the sender (TLS-Required:
No) or the settings say so; MTA-STS never overrides DANE (RFC 8461 §2); testing never stops mail. A certificate is
judged after the handshake, by the policy alone.
"""

import asyncio
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, TypeVar

import msgspec

from cluster.clock import Clock
from cluster.dns.resolver import Resolver
from gateway.outbound.pkix import Authorities
from gateway.outbound.policysettings import TlsPolicySettings, Wish
from gateway.outbound.sts import Found, StsPolicies
from mail.trust.chain import match
from mail.trust.dane import PORT, Tlsa, TlsaPlan, tlsa_for
from mail.trust.mtasts import Policy, lines_of
from mail.trust.questions import Asking

T = TypeVar("T")

Level = Literal["none", "opportunistic", "encrypt", "dane", "sts", "pkix", "refused"]
Kind = Literal["tlsa", "sts", "no-policy-found"]
REQUIRED: Final = frozenset({"encrypt", "dane", "sts", "pkix"})
"""Levels under which nothing is sent in the clear."""

ROUNDS_MAX: Final = 20  # of questions for one host: an evaluator asks fewer


class Problem(msgspec.Struct, frozen=True):
    """What went wrong before any host was connected to, for reports: a result type of RFC 8460 §4.3, and why."""

    kind: Kind
    failure: str
    why: str = ""


class TlsPolicy(msgspec.Struct, frozen=True):
    """What is asked of one host, and what a report says of it (RFC 8460 §4.4). Equal policies may share connections.

    none: never TLS. opportunistic: if it is offered. encrypt: TLS, whoever it is with. dane: a certificate that fits
    `tlsa`. sts, pkix: one for the host by a known authority. refused: nothing may be sent to this host now; `why`.
    """

    level: Level = "opportunistic"
    why: str = ""
    sni: str = ""  # the name to ask for; empty: the host's
    tlsa: tuple[Tlsa, ...] = ()
    names: tuple[str, ...] = ()  # that a certificate under a trust anchor of `tlsa` may be for
    testing: bool = False  # MTA-STS: what would be asked for is reported, but mail goes on
    kind: Kind = "no-policy-found"
    domain: str = ""  # whose policy it is: the recipients', or of TLSA the name they were found at
    strings: tuple[str, ...] = ()  # the policy: TLSA records, or lines
    patterns: tuple[str, ...] = ()  # hosts that an MTA-STS policy names
    problems: tuple[Problem, ...] = ()


class Verdict(NamedTuple):
    """What a certificate is worth. `failure`: a result type of RFC 8460 §4.3; in testing there may be one of what is
    `ok`."""

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


class _Demands(NamedTuple):
    """What does not depend on the host."""

    wish: Wish
    require_tls: bool
    mx_secure: bool


class TlsPolicies:
    """Knows the policies of domains."""

    def __init__(
        self,
        resolver: Resolver,
        sts: StsPolicies | None,
        settings: TlsPolicySettings,
        clock: Clock,
        *,
        level: Wish = "opportunistic",
        roots: Iterable[bytes] = (),
        port: int = PORT,
    ) -> None:
        """`level`: what is asked of domains that publish nothing. `roots`: authorities (DER); none: the system's."""
        self._resolver = resolver
        self._sts = sts if settings.mta_sts else None
        self._settings = settings
        self._clock = clock
        self._level: Wish = level
        self._authorities = Authorities(roots)
        self._port = port

    async def plan(
        self, domain: str, hosts: Sequence[str], *, mx_secure: bool, require_tls: bool, tls_optional: bool
    ) -> dict[str, TlsPolicy]:
        """The policy for each of the domain's hosts, which the caller bounds. Raises nothing for anything the network
        does. `mx_secure`: the answer that named them was validated."""
        wish = self._wish(domain)
        if not require_tls and (tls_optional or wish in ("none", "opportunistic")):
            if wish is None or (tls_optional and wish != "none"):  # RFC 8689 §3: what is published is not heeded
                wish = "opportunistic"
            return dict.fromkeys(hosts, TlsPolicy(wish))
        demands = _Demands(wish or self._level, require_tls, mx_secure)
        sts, planned = await asyncio.gather(
            self._sts_of(domain), asyncio.gather(*(self._dane_of(domain, host, mx_secure) for host in hosts))
        )
        return {host: self._policy(domain, host, dane, sts, demands) for host, dane in zip(hosts, planned, strict=True)}

    def check(self, policy: TlsPolicy, chain_der: Sequence[bytes], host: str) -> Verdict:
        """What the chain that a server showed, its own certificate first, is worth. Raises nothing for any bytes."""
        now_s = self._clock.now_ms() / 1000
        if policy.level == "dane":
            found = match(chain_der, policy.tlsa, policy.names, now_s)
            return Verdict(found.ok, "dane" if found.ok else "", found.failure, found.why)
        if policy.level in ("sts", "pkix") or policy.testing:
            verified = self._authorities.verify(chain_der, host, now_s)
            if not verified.ok:
                return Verdict(policy.testing, "", verified.failure, verified.why)
            if policy.testing and not _is_named(policy, host):
                return Verdict(True, "", "validation-failure", f"the policy does not name {host}")
            return Verdict(True, "pkix" if policy.level == "pkix" else "sts")
        return Verdict(policy.level != "refused")

    def check_clear(self, policy: TlsPolicy) -> Verdict:
        """What a server is worth that offers no TLS, or with which it failed."""
        failure = "" if policy.level == "none" else "starttls-not-supported"
        return Verdict(policy.level in ("none", "opportunistic"), failure=failure, why="TLS is not offered")

    # -- what is published ---------------------------------------------------------------------------------------------

    def _wish(self, domain: str) -> Wish | None:
        """What the settings ask of the domain."""
        named = self._settings.destinations
        if domain in named:
            return named[domain]
        labels = domain.split(".")
        above = (".".join(["", *labels[at:]]) for at in range(1, len(labels)))
        return next((named[parent] for parent in above if parent in named), None)

    async def _sts_of(self, domain: str) -> Found:
        if self._sts is None or domain.startswith("["):
            return Found()
        return await self._sts.find(domain)

    async def _dane_of(self, domain: str, host: str, mx_secure: bool) -> TlsaPlan:
        if not self._settings.dane or _is_address(host):
            return TlsaPlan("none", why="DANE does not apply")
        return await drive(tlsa_for(host, mx_secure=mx_secure, names=(domain,), port=self._port), self._resolver)

    # -- what follows from it ------------------------------------------------------------------------------------------

    def _policy(self, domain: str, host: str, dane: TlsaPlan, sts: Found, demands: _Demands) -> TlsPolicy:
        problems = (Problem("sts", sts.failure, sts.why),) if sts.failure else ()
        if dane.level == "defer":
            problem = Problem("tlsa", "dnssec-invalid", dane.why)
            return TlsPolicy("refused", dane.why, kind="tlsa", domain=dane.base or host, problems=(*problems, problem))
        if dane.level == "dane":
            return _dane(dane, problems)
        if demands.wish == "dane":
            problem = Problem("tlsa", "dane-required", dane.why)
            return TlsPolicy("refused", f"the settings ask for DANE, but {dane.why}", problems=(*problems, problem))
        found = _sts(domain, host, sts, problems)
        if dane.level == "encrypt" and (found is None or found.level == "opportunistic"):
            found = _unusable(dane, problems)
        return _raised(found or TlsPolicy(problems=problems), demands)


def _dane(plan: TlsaPlan, problems: tuple[Problem, ...]) -> TlsPolicy:
    return TlsPolicy(
        "dane",
        plan.why,
        sni=plan.base,
        tlsa=plan.records,
        names=plan.names,
        kind="tlsa",
        domain=plan.base,
        strings=tuple(str(record) for record in plan.all),
        problems=problems,
    )


def _sts(domain: str, host: str, found: Found, problems: tuple[Problem, ...]) -> TlsPolicy | None:
    """By MTA-STS (RFC 8461 §4); None: there is no policy."""
    policy = found.policy
    if policy is None or policy.mode == "none":
        return None
    testing = policy.mode == "testing"
    level: Level = "opportunistic" if testing else "sts"
    why = f"{domain} has an MTA-STS policy"
    if not testing and not policy.names(host):
        level, why = "refused", f"the MTA-STS policy of {domain} does not name {host}"
        problems = (*problems, Problem("sts", "validation-failure", why))
    return TlsPolicy(
        level,
        why,
        testing=testing,
        kind="sts",
        domain=domain,
        strings=lines_of(policy),
        patterns=policy.mx,
        problems=problems,
    )


def _unusable(dane: TlsaPlan, problems: tuple[Problem, ...]) -> TlsPolicy:
    """TLSA records of which none can be used make TLS a must, but no more (RFC 7672 §2.2)."""
    problem = Problem("tlsa", "tlsa-invalid", dane.why)
    strings = tuple(str(record) for record in dane.all)
    return TlsPolicy(
        "encrypt",
        dane.why,
        sni=dane.base,
        kind="tlsa",
        domain=dane.base,
        strings=strings,
        problems=(*problems, problem),
    )


def _raised(policy: TlsPolicy, demands: _Demands) -> TlsPolicy:
    """At least what the settings and the sender ask for. RFC 8689 §4.2.1: a certificate for a host that was named in
    a way that can be trusted."""
    if policy.level in ("dane", "sts", "refused"):
        return policy
    change = msgspec.structs.replace
    if demands.require_tls:
        if demands.wish == "none":
            return change(policy, level="refused", why="REQUIRETLS, but the settings ask for no TLS", testing=False)
        if not demands.mx_secure:
            return change(policy, level="refused", why="REQUIRETLS, but the host is not proven", testing=False)
        return change(policy, level="pkix", why="REQUIRETLS", testing=False)
    if demands.wish == "pkix":
        return change(policy, level="pkix", why="the settings ask for a certificate", testing=False)
    if demands.wish == "encrypt":
        return change(policy, level="encrypt", why=policy.why or "the settings ask for TLS")
    if demands.wish == "none" and policy.kind == "no-policy-found":
        return change(policy, level="none", why="the settings ask for no TLS")
    return policy


def _is_named(policy: TlsPolicy, host: str) -> bool:
    return Policy("testing", policy.patterns, 0).names(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def drive(asking: Asking[T], resolver: Resolver) -> T:
    """Run one evaluator to its end."""
    try:
        questions = next(asking)
        for _ in range(ROUNDS_MAX):
            answers = await asyncio.gather(*(resolver.ask(one.name, one.kind) for one in questions))
            questions = asking.send(tuple(answers))
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("an evaluator does not end")

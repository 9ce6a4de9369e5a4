"""How a connection to each host of a domain must be protected: DANE, else MTA-STS, REQUIRETLS, and the settings.

The law: what a domain has published in a way that can be trusted is never undercut, unless the sender (TLS-Required:
No) or the settings say so; MTA-STS never overrides DANE (RFC 8461 §2); testing never stops mail. A certificate is
judged after the handshake, by the policy alone.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from cluster.clock import Clock
from cluster.dns.resolver import Resolver
from gateway.https import is_address
from gateway.outbound.pkix import Authorities
from gateway.outbound.policysettings import TlsSettings, Wish
from gateway.outbound.sts import Found, StsPolicies
from gateway.outbound.tls import Level, Problem, TlsPolicy, Verdict
from gateway.trust.driver import Asker
from mail.trust.chain import match
from mail.trust.dane import PORT, TlsaPlan, tlsa_for
from mail.trust.mtasts import Policy, lines_of

ASKING_S: Final = 20.0  # for the TLSA records of all of a domain's hosts; then they could not be had


_NO_DANE: Final = TlsaPlan("none", why="DANE does not apply")


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
        settings: TlsSettings,
        clock: Clock,
        *,
        roots: Iterable[bytes] = (),
        port: int = PORT,
    ) -> None:
        """`roots`: authorities (DER); none: the system's. `port`: whose TLSA records are looked for."""
        self._resolver = resolver
        self._sts = sts if settings.mta_sts else None
        self._settings = settings
        self._clock = clock
        self._authorities = Authorities(roots)
        self._port = port

    async def plan(
        self,
        domain: str,
        hosts: Sequence[str],
        *,
        mx_secure: bool,
        require_tls: bool,
        tls_optional: bool,
        level: Wish,
    ) -> dict[str, TlsPolicy]:
        """The policy for each of the domain's hosts, which the caller bounds. Raises nothing for anything the network
        does; the first fetch of a domain's MTA-STS policy may take a minute. `mx_secure`: the answer that named them
        was validated. `level`: what is asked at least, unless the settings name the domain."""
        wish = self._wish(domain)
        if not require_tls and (tls_optional or wish in ("none", "opportunistic")):
            if wish is None or (tls_optional and wish != "none"):  # RFC 8689 §3: what is published is not heeded
                wish = "opportunistic"
            return dict.fromkeys(hosts, TlsPolicy(wish))
        demands = _Demands(wish or level, require_tls, mx_secure)
        sts, planned = await asyncio.gather(self._sts_of(domain), self._dane_of(domain, hosts, mx_secure))
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

    async def _dane_of(self, domain: str, hosts: Sequence[str], mx_secure: bool) -> list[TlsaPlan]:
        """In the order of the hosts."""
        named = [host for host in hosts if self._settings.dane and not is_address(host)]
        async with Asker(self._resolver, ASKING_S) as asker:
            found = await asker.run_all(
                [tlsa_for(host, mx_secure=mx_secure, names=(domain,), port=self._port) for host in named]
            )
        plans: dict[str, TlsaPlan] = dict(zip(named, found, strict=True))
        return [plans.get(host, _NO_DANE) for host in hosts]

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

"""The words in which TLS with other servers is spoken of: what is asked of a host, what its certificate is worth, how a
session went; and the context of all outgoing handshakes.

The law: opportunistic is the least, never a reason to fail; whatever is more is never sent without. The handshake
itself judges nothing: policies do (tlspolicy.py).
"""

import ssl
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from gateway.outbound.policysettings import Wish
from mail.trust.dane import Tlsa

Level = Literal["none", "opportunistic", "encrypt", "dane", "sts", "pkix", "refused"]
Kind = Literal["tlsa", "sts", "no-policy-found"]
REQUIRED: Final = frozenset({"encrypt", "dane", "sts", "pkix"})
"""Levels under which nothing is sent in the clear."""

PASSING: Final = frozenset(
    {"dnssec-invalid", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"}
)  # what a later look may not find again


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

    @property
    def passing(self) -> bool:
        """Whether it is what it is because something could not be had that may be had later."""
        return any(problem.failure in PASSING for problem in self.problems)


class Verdict(NamedTuple):
    """What a server is worth. `failure`: a result type of RFC 8460 §4.3; in testing there may be one of what is
    `ok`."""

    ok: bool
    proof: Literal["", "dane", "sts", "pkix"] = ""
    failure: str = ""
    why: str = ""


class TlsOutcome(msgspec.Struct, frozen=True):
    """One session, or that there was none, for reports (RFC 8460). `failure` empty: it went well."""

    domain: str
    host: str
    ip: str
    source: str
    policy: TlsPolicy
    failure: str = ""
    why: str = ""


Observer = Callable[[TlsOutcome], None]


class Policies(Protocol):
    """Who knows the policies of domains: TlsPolicies."""

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
        """The policy for each of the domain's hosts. Raises nothing for anything the network does."""
        ...

    def check(self, policy: TlsPolicy, chain_der: Sequence[bytes], host: str) -> Verdict:
        """What this chain, leaf first, is worth."""
        ...

    def check_clear(self, policy: TlsPolicy) -> Verdict:
        """What a server without TLS is worth."""
        ...


def client_context() -> ssl.SSLContext:
    """For all outgoing connections: the policy judges the certificate, so the handshake does not. TLS 1.2 is the least
    (RFC 8996)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    return context

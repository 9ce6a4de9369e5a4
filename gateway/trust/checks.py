"""The checks on a message from outside: iprev, SPF, DKIM and ARC at the same time, then DMARC; all of it in one value.

The law: nothing is decided here. Every result comes with its evidence, and whatever the message says ends up as one
well-formed Authentication-Results field under our name.
"""

import asyncio
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final, TypeAlias

from cluster.clock import Clock, Dice
from cluster.dns.resolver import Resolver
from gateway.trust import telling
from gateway.trust.driver import Asker
from gateway.trust.settings import TrustSettings
from gateway.trust.verdict import Arc, Dkim, Envelope, Told, Verdict
from mail.message.header import header_end
from mail.message.limits import DEFAULT as LIMITS
from mail.trust import authres, dmarc, iprev, spf
from mail.trust.author import Author, author_of
from mail.trust.dmarc_discovery import Discovery, RegisteredDomain, Unknown
from mail.trust.names import a_label
from mail.trust.psl import registered_domain
from mail.trust.questions import Asking

VerifyDkim: TypeAlias = Callable[[Any, int], Asking[Sequence[Dkim]]]
VerifyArc: TypeAlias = Callable[[Any, int], Asking[Arc]]

APART_FROM_BYTES: Final = 256 * 1024  # from here on signatures are worked out in a thread: 1 ms and more of the loop's
_DEFAULT: Final = TrustSettings()


class Checks:
    """Made once; checks any number of messages at the same time.

    `dkim` and `arc` verify a message, as bytes, or as what `prepare` makes of it once for both.
    """

    def __init__(
        self,
        resolver: Resolver,
        clock: Clock,
        dice: Dice,
        hostname: str,
        *,
        dkim: VerifyDkim | None = None,
        arc: VerifyArc | None = None,
        prepare: Callable[[bytes], Any] = bytes,
        settings: TrustSettings = _DEFAULT,
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self._dice = dice
        self._hostname = hostname
        self._checks = frozenset(settings.checks)
        self._verify_dkim = dkim if "dkim" in self._checks else None
        self._verify_arc = arc if "arc" in self._checks else None
        self._prepare = prepare
        self._settings = settings
        self._registered: RegisteredDomain | None = (
            registered_domain if settings.organizations == "suffix-list" else None
        )
        self.authserv_id: Final = settings.authserv_id or hostname

    async def envelope(self, ip: str, helo: str, sender: str) -> Envelope:
        """Before the message: for rules at MAIL and RCPT. What it asked is in the resolver's cache afterwards."""
        async with self._asker() as asker:
            results = await asker.run_all(self._on_envelope(ip, helo, sender))
        return Envelope(ip, helo, sender, *results)

    async def run(
        self,
        *,
        ip: str,
        helo: str,
        sender: str,
        message: bytes,
        envelope: Envelope | None = None,
        besides: Sequence[authres.Result] = (),
    ) -> Verdict:
        """Everything of a message. `envelope`: what is known of it already. `besides`: results of others for the field
        (auth=, for one). Raises nothing for any message or answer."""
        author = author_of(message[: min(header_end(message, 0, len(message)), LIMITS.header_bytes_max + 1)])
        async with self._asker() as asker:
            asked = self._on_envelope(ip, helo, sender) if envelope is None else []
            asked.append(self._look_ahead(author))
            *before, _, dkim_results, arc_result = await self._all(asker, asked, message)
            known = envelope or Envelope(ip, helo, sender, *before)
            judged = await asker.run(self._judge(author, known, dkim_results or ()))
        told = Told(known, author, None if dkim_results is None else tuple(dkim_results), arc_result, judged)
        field = authres.render(authres.AuthResults(self.authserv_id, (*besides, *telling.results(told))))
        facts = telling.facts(told, asker.answers, self._clock.now_ms())
        return Verdict(*told, field, facts)

    def without_forgeries(self, head: bytes) -> bytes:
        """A header from outside without Authentication-Results that claim to be ours (RFC 8601 5)."""
        return authres.without(head, authres.to_remove(head, (self.authserv_id, self._hostname)))

    async def _all(self, asker: Asker, asked: list[Asking[Any]], message: bytes) -> list[Any]:
        """These, then DKIM and ARC."""
        signatures = self._on_message(message)
        if len(message) < APART_FROM_BYTES:
            return await asker.run_all([*asked, *signatures])
        beside, found = await asyncio.gather(asker.run_all(asked), asker.run_apart(signatures))
        return [*beside, *found]

    def _asker(self) -> Asker:
        return Asker(self._resolver, self._settings.deadline_s)

    def _on_envelope(self, ip: str, helo: str, sender: str) -> list[Asking[Any]]:
        with_spf = "spf" in self._checks
        now_s = self._clock.now_ms() // 1000
        return [
            iprev.check(ip) if "iprev" in self._checks else _nothing(),
            spf.check_helo(ip, helo, receiver=self._hostname, now_s=now_s) if with_spf else _nothing(),
            spf.check_mail_from(ip, sender, helo, receiver=self._hostname, now_s=now_s) if with_spf else _nothing(),
        ]

    def _on_message(self, message: bytes) -> list[Asking[Any]]:
        now_s = self._clock.now_ms() // 1000
        prepared = self._prepare(message) if self._verify_dkim or self._verify_arc else message
        return [
            self._verify_dkim(prepared, now_s) if self._verify_dkim is not None else _nothing(),
            self._verify_arc(prepared, now_s) if self._verify_arc is not None else _nothing(),
        ]

    def _look_ahead(self, author: Author) -> Asking[None]:
        """DMARC's record is asked for with the others, so that it is there when they have ended."""
        domain = a_label(author.domains[0]) if len(author.domains) == 1 else None
        if domain is None or "dmarc" not in self._checks:
            return
        try:
            yield from Discovery(self._registered).policy(domain)
        except Unknown:
            return

    def _judge(self, author: Author, known: Envelope, dkim_results: Sequence[Dkim]) -> Asking[dmarc.DmarcResult | None]:
        if "dmarc" not in self._checks:
            return None
        if author.problem:
            return dmarc.DmarcResult("permerror", why=author.problem)
        passed = dmarc.SpfIdentifier(known.spf.domain, known.spf.result) if known.spf is not None else None
        signed = [dmarc.DkimIdentifier(one.domain, one.result, one.selector) for one in dkim_results]
        sample = self._sample() if self._settings.pct else None
        return (
            yield from dmarc.evaluate(author.domains, passed, signed, registered_domain=self._registered, sample=sample)
        )

    def _sample(self) -> int:
        """0 to 99, all the same likely but for 2 in 10^17."""
        return self._dice.getrandbits(64) % 100


def _nothing() -> Generator[Any, Any, None]:
    """A check that is not made."""
    return
    yield

"""What a connection is offered: one function from what is known of it to the Offers of the protocol machine.

It is asked again whenever what is known changes: with EHLO, with TLS, and with a login. Law: nothing is offered here
that the session could not keep; passwords only under TLS, and AUTH only where our users come. Where no rule says
otherwise all connections of a listener in the same state share one answer.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from cluster.clock import Clock
from cluster.rules import Facts as RuleFacts
from gateway.facts import AtHello
from gateway.mechanisms import wanted
from gateway.smtp.settings import SmtpSettings, Who
from mail import sasl
from mail.smtp.limits import Limits
from mail.smtp.offers import Offers
from mail.smtp.states import Role

MINUTE_MS: Final = 60_000  # what is told of the latest HOLDUNTIL changes no more often, so that answers can be kept
Chosen = Mapping[str, Any]
"""What rules may say, chosen for one connection: the choices of [smtp.offer] and [smtp], by name."""


class Facts(NamedTuple):
    """What is known of a connection. `bound`: SCRAM can be bound to it. `tokens`: the directory takes tokens."""

    role: Role
    starttls: bool
    tls: bool
    authenticated: bool
    bound: bool
    tokens: bool
    now_ms: int


class Knowing(Protocol):
    """The directory."""

    @property
    def takes_tokens(self) -> bool:
        """Whether anybody is known who can say whose a token is."""
        ...


class Offering:
    """What the clients of one listener are offered."""

    def __init__(
        self, settings: SmtpSettings, role: Role, directory: Knowing, clock: Clock, *, starttls: bool, bound: bool
    ) -> None:
        """`bound`: SCRAM can be bound to connections under TLS."""
        self._settings = settings
        self._role = role
        self._directory = directory
        self._clock = clock
        self._starttls = starttls
        self._bound = bound
        choices = _choices(settings)
        self._otherwise: Chosen = {name: choice.values[-1] for name, choice in choices.items()}
        self._ruled = {name: choice for name, choice in choices.items() if not choice.is_plain}
        self._kept: dict[tuple[bool, bool, bool], Offers] = {}
        self.is_plain = not self._ruled
        """Whether no rule says anything: then ask `plain`, else `by_rule`."""
        self.limits = limits_of(settings, self._otherwise)
        """How much may come, where no rule says otherwise."""

    def plain(self, tls: bool, authenticated: bool) -> Offers:
        """What is offered where there are no rules."""
        state = (tls, authenticated, self._directory.takes_tokens)
        kept = self._kept.get(state)
        if kept is None or (kept.hold_s_max and kept.hold_until_ms_max != _latest_ms(self._now_ms, kept.hold_s_max)):
            kept = self._kept[state] = offers_of(self._facts(tls, authenticated), self._settings, self._otherwise)
        return kept

    async def by_rule(self, tls: bool, authenticated: bool, known: RuleFacts) -> tuple[Offers, Limits]:
        """What is offered, and how much may come, by rules."""
        ruled = {name: await choice.choose(known) for name, choice in self._ruled.items()}
        chosen = {**self._otherwise, **ruled}
        return offers_of(self._facts(tls, authenticated), self._settings, chosen), limits_of(self._settings, chosen)

    @property
    def _now_ms(self) -> int:
        return self._clock.now_ms()

    def _facts(self, tls: bool, authenticated: bool) -> Facts:
        tokens = self._directory.takes_tokens
        return Facts(self._role, self._starttls, tls, authenticated, self._bound, tokens, self._now_ms)


def _choices(settings: SmtpSettings) -> dict[str, AtHello[Any]]:
    both = (settings.offer, settings)
    fields = {name: getattr(one, name) for one in both for name in one.__struct_fields__}
    return {name: value for name, value in fields.items() if isinstance(value, AtHello)}


def offers_of(facts: Facts, settings: SmtpSettings, chosen: Chosen) -> Offers:
    """What such a connection is offered."""
    offer = settings.offer

    def to(name: str) -> bool:
        who: Who = chosen[name]
        return who == "everybody" or (who == "authenticated" and facts.authenticated)

    submission = facts.role is Role.SUBMISSION
    hold_s = chosen["hold_s_max"] if submission and to("future_release") else 0  # RFC 4865 3: for submission only
    return Offers(
        starttls=facts.starttls,
        tls_required=facts.starttls and chosen["tls_required"],
        auth_required=submission and chosen["auth_required"],
        mechanisms_tls=_mechanisms(facts, settings, chosen, tls=True),
        mechanisms_clear=_mechanisms(facts, settings, chosen, tls=False),
        size=to("size"),
        pipelining=to("pipelining"),
        eightbitmime=to("eightbitmime"),
        smtputf8=to("smtputf8"),
        enhancedstatuscodes=to("enhanced_status_codes"),
        chunking=to("chunking"),
        binarymime=to("binarymime"),
        dsn=to("dsn"),
        limits=to("limits"),
        requiretls=to("requiretls"),
        deliverby=to("deliverby"),
        deliver_by_s_min=offer.deliver_by_s_min,
        hold_s_max=hold_s,
        hold_until_ms_max=_latest_ms(facts.now_ms, hold_s) if hold_s else 0,
        mt_priority=to("mt_priority"),
        mt_profile=offer.mt_profile,
        priority_max=chosen["priority_max"],
        no_soliciting=to("no_soliciting"),
        solicitations=offer.solicitations,
        vrfy=to("vrfy"),
        expn=to("expn"),
    )


def limits_of(settings: SmtpSettings, chosen: Chosen) -> Limits:
    """What such a connection may use up."""
    message_bytes_max, recipients_max = chosen["message_bytes_max"], chosen["recipients_max"]
    return Limits(
        message_bytes_max=message_bytes_max,
        discard_bytes_max=4 * message_bytes_max,
        recipients_max=recipients_max,
        mails_max=settings.mails_max,
        domains_max=settings.domains_max,
        commands_max=recipients_max + 500,
        auth_failures_max=settings.auth_failures_max,
    )


def _latest_ms(now_ms: int, hold_s: int) -> int:
    return (now_ms + hold_s * 1000) // MINUTE_MS * MINUTE_MS


def _mechanisms(facts: Facts, settings: SmtpSettings, chosen: Chosen, *, tls: bool) -> tuple[str, ...]:
    if facts.role is not Role.SUBMISSION:
        return ()
    possible = sasl.offered(tls=tls, bound=facts.bound, tokens=facts.tokens, clear=settings.plaintext_auth)
    return wanted(possible, chosen["mechanisms"])

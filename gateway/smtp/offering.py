"""What a connection is offered: one function from what is known of it to the Offers of the protocol machine.

It is asked again whenever what is known changes: with TLS, and with a login. Law: nothing is offered here that the
session could not keep; passwords only under TLS, and AUTH only where our users come.
"""

from typing import Final, NamedTuple

from gateway.smtp.settings import SmtpSettings, Who
from mail import sasl
from mail.smtp.offers import Offers
from mail.smtp.states import Role

MINUTE_MS: Final = 60_000  # what is told of the latest HOLDUNTIL changes no more often, so that answers can be kept


class Facts(NamedTuple):
    """What is known of a connection. `bound`: SCRAM can be bound to it. `tokens`: the directory takes tokens."""

    listener: str
    role: Role
    starttls: bool
    ip: str
    tls: bool
    authenticated: bool
    bound: bool
    tokens: bool
    now_ms: int


def offers_of(facts: Facts, settings: SmtpSettings) -> Offers:
    """What such a connection is offered."""
    offer = settings.offer

    def to(who: Who) -> bool:
        return who == "everybody" or (who == "authenticated" and facts.authenticated)

    submission = facts.role is Role.SUBMISSION
    hold_s = offer.hold_s_max if submission and to(offer.future_release) else 0  # RFC 4865 3: for submission only
    return Offers(
        starttls=facts.starttls,
        auth_required=submission,
        mechanisms_tls=_mechanisms(facts, settings, tls=True),
        mechanisms_clear=_mechanisms(facts, settings, tls=False),
        size=to(offer.size),
        pipelining=to(offer.pipelining),
        eightbitmime=to(offer.eightbitmime),
        smtputf8=to(offer.smtputf8),
        enhancedstatuscodes=to(offer.enhanced_status_codes),
        chunking=to(offer.chunking),
        binarymime=to(offer.binarymime),
        dsn=to(offer.dsn),
        limits=to(offer.limits),
        requiretls=to(offer.requiretls),
        deliverby=to(offer.deliverby),
        deliver_by_s_min=offer.deliver_by_s_min,
        hold_s_max=hold_s,
        hold_until_ms_max=(facts.now_ms + hold_s * 1000) // MINUTE_MS * MINUTE_MS if hold_s else 0,
        mt_priority=to(offer.mt_priority),
        mt_profile=offer.mt_profile,
        priority_max=offer.priority_max,
        no_soliciting=to(offer.no_soliciting),
        solicitations=offer.solicitations,
        vrfy=to(offer.vrfy),
        expn=to(offer.expn),
    )


def _mechanisms(facts: Facts, settings: SmtpSettings, *, tls: bool) -> tuple[str, ...]:
    if facts.role is not Role.SUBMISSION:
        return ()
    possible = sasl.offered(tls=tls, bound=facts.bound, tokens=facts.tokens, clear=settings.plaintext_auth)
    return tuple(name for name in possible if name in settings.offer.mechanisms)

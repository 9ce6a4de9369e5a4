"""What a server offers after EHLO: keywords, mechanisms and the conditions behind them.

A keyword must never be told that the machine would then refuse (RFC 5321 4.1.1.1), and what is not offered is refused
with 555, never ignored: both are read from the same Offers.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from mail.smtp.replies import Reply

DAY_MS = 86_400_000
SOLICIT_CHARS_MAX = 1000  # RFC 3865 2.1: of all keywords together


class Offers(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """What one connection is offered as it is now; a rule may give each connection its own.

    What suits everybody is on by itself, what needs somebody's consent is off.
    """

    starttls: bool = False
    """A certificate is there; told until TLS is active."""
    tls_required: bool = False
    """MAIL is refused with 530 before TLS."""
    auth_required: bool = False
    """MAIL is refused with 530 before AUTH."""
    mechanisms_tls: tuple[str, ...] = ()
    """SASL mechanisms under TLS, strongest first."""
    mechanisms_clear: tuple[str, ...] = ()
    """SASL mechanisms without TLS; none that sends the password itself (RFC 4954 4)."""
    size: bool = True
    """SIZE (RFC 1870)."""
    pipelining: bool = True
    """PIPELINING (RFC 2920). Off, it is not told; who does it all the same is still understood."""
    eightbitmime: bool = True
    """8BITMIME (RFC 6152)."""
    smtputf8: bool = True
    """SMTPUTF8 (RFC 6531)."""
    enhancedstatuscodes: bool = True
    """ENHANCEDSTATUSCODES (RFC 2034). Off, it is not told; the codes stay in the texts, where they harm nobody."""
    chunking: bool = True
    """CHUNKING (RFC 3030)."""
    binarymime: bool = True
    """BINARYMIME (RFC 3030); only with CHUNKING."""
    dsn: bool = True
    """DSN (RFC 3461)."""
    limits: bool = True
    """LIMITS (RFC 9422): what `Limits` says is told. It holds in any case."""
    requiretls: bool = False
    """REQUIRETLS (RFC 8689); told under TLS only."""
    deliverby: bool = False
    """DELIVERBY (RFC 2852)."""
    deliver_by_s_min: int = 0
    """The least BY= that may return the message (RFC 2852 2); 0: any."""
    hold_s_max: int = 0
    """The longest HOLDFOR= of FUTURERELEASE (RFC 4865); 0: it is not offered."""
    hold_until_ms_max: int = 0
    """The latest HOLDUNTIL=, in milliseconds since 1970."""
    mt_priority: bool = False
    """MT-PRIORITY (RFC 6710)."""
    mt_profile: str = ""
    """The name of the priority profile that is told (RFC 6710 3); empty: none."""
    priority_max: int = 9
    """A higher MT-PRIORITY is lowered to this, and the client told so (RFC 6710 4.1)."""
    no_soliciting: bool = False
    """NO-SOLICITING (RFC 3865)."""
    solicitations: tuple[str, ...] = ()
    """The keywords told with it: mail that says to be of such a class is refused."""
    vrfy: bool = False
    """VRFY is answered from the directory; off: 252 to everybody (RFC 5321 7.3)."""
    expn: bool = False
    """EXPN is; off: 502."""

    def mechanisms(self, *, tls: bool) -> tuple[str, ...]:
        """What AUTH may name now."""
        return self.mechanisms_tls if tls else self.mechanisms_clear

    @property
    def binary(self) -> bool:
        """Whether a binary message may come: it can only come in chunks (RFC 3030 3)."""
        return self.binarymime and self.chunking

    @property
    def auth(self) -> bool:
        """Whether there is any way to log in, now or under TLS."""
        return bool(self.mechanisms_tls or self.mechanisms_clear)


Offering = Callable[[bool, bool], Offers]
"""What is offered, by whether TLS is active and whether the client has authenticated."""


def told(offers: Offers, message_bytes_max: int) -> dict[str, list[str]]:
    """Of the extensions those that are about messages, not about the way they come, with their arguments: for clients
    that do not speak SMTP themselves (RFC 8621 1.3.2). Times are of whole days, so that it stays the same for one."""
    until_ms = offers.hold_until_ms_max // DAY_MS * DAY_MS
    arguments = {
        "SIZE": ([str(message_bytes_max)], offers.size),
        "8BITMIME": ([], offers.eightbitmime),
        "SMTPUTF8": ([], offers.smtputf8),
        "DSN": ([], offers.dsn),
        "REQUIRETLS": ([], offers.requiretls),
        "DELIVERBY": ([str(offers.deliver_by_s_min)] if offers.deliver_by_s_min else [], offers.deliverby),
        "FUTURERELEASE": ([str(offers.hold_s_max), date_time(until_ms)], offers.hold_s_max > 0),
        "MT-PRIORITY": ([offers.mt_profile] if offers.mt_profile else [], offers.mt_priority),
        "NO-SOLICITING": ([",".join(offers.solicitations)] if offers.solicitations else [], offers.no_soliciting),
    }
    return {name: list(values) for name, (values, on) in arguments.items() if on}


@lru_cache(maxsize=64)  # a handful of listeners, each with and without TLS and AUTH
def keywords(
    host: str,
    offers: Offers,
    *,
    tls: bool,
    authenticated: bool,
    message_bytes_max: int,
    recipients_max: int,
    mails_max: int = 0,
    domains_max: int = 0,
) -> bytes:
    """The whole answer to EHLO or LHLO, encoded."""
    mechanisms = () if authenticated else offers.mechanisms(tls=tls)
    told = {
        f"SIZE {message_bytes_max}": offers.size,
        "PIPELINING": offers.pipelining,
        "8BITMIME": offers.eightbitmime,
        "SMTPUTF8": offers.smtputf8,
        "ENHANCEDSTATUSCODES": offers.enhancedstatuscodes,
        "CHUNKING": offers.chunking,
        "BINARYMIME": offers.binary,
        "DSN": offers.dsn,
        "STARTTLS": offers.starttls and not tls,  # not again under TLS (RFC 3207 4.2)
        "AUTH " + " ".join(mechanisms): bool(mechanisms),
        "REQUIRETLS": offers.requiretls and tls,  # RFC 8689 2
        f"DELIVERBY {offers.deliver_by_s_min or ''}": offers.deliverby,
        f"FUTURERELEASE {offers.hold_s_max} {date_time(offers.hold_until_ms_max)}": offers.hold_s_max > 0,
        f"MT-PRIORITY {offers.mt_profile}": offers.mt_priority,
        f"NO-SOLICITING {','.join(offers.solicitations)}": offers.no_soliciting,
        "VRFY": offers.vrfy,
        "EXPN": offers.expn,
        _limits(recipients_max, mails_max, domains_max): offers.limits,
    }
    lines = [host, *(keyword.rstrip() for keyword, on in told.items() if on)]
    return Reply(250, "", "\n".join(lines)).encode()


def _limits(recipients_max: int, mails_max: int, domains_max: int) -> str:
    """RFC 9422 4; a limit that is not there is not told."""
    known = {"MAILMAX": mails_max, "RCPTMAX": recipients_max, "RCPTDOMAINMAX": domains_max}
    return " ".join(["LIMITS", *(f"{name}={number}" for name, number in known.items() if number)])


def date_time(at_ms: int) -> str:
    """Internet-style-date-time-UTC (RFC 4865 3, RFC 3339), whole seconds."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

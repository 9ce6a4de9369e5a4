"""The settings of the SMTP gateway, each in words beside its default."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.facts import AtHello, AtRcpt
from gateway.mechanisms import BY_DEFAULT, SAYS, Mechanisms
from gateway.rewriting import RewriteSettings
from gateway.smtp.gatesettings import GateSettings, RuleSettings
from mail.smtp.content import Newlines
from mail.smtp.limits import MIB

Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]


Who = Literal["everybody", "authenticated", "nobody"]
Solicitation = Annotated[str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9._:-]{0,99}\Z")]  # word (RFC 3865 2.1)
EVERYBODY: Final = AtHello[Who].of("everybody")
AUTHENTICATED: Final = AtHello[Who].of("authenticated")
NOBODY: Final = AtHello[Who].of("nobody")


class OfferSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is offered what after EHLO; who is not is refused the parameter with 555. Rules are asked at EHLO, and again
    after AUTH."""

    size: Annotated[AtHello[Who], Meta(description="SIZE (RFC 1870).")] = EVERYBODY
    pipelining: Annotated[AtHello[Who], Meta(description="PIPELINING (RFC 2920).")] = EVERYBODY
    eightbitmime: Annotated[AtHello[Who], Meta(description="8BITMIME (RFC 6152).")] = EVERYBODY
    smtputf8: Annotated[AtHello[Who], Meta(description="SMTPUTF8 (RFC 6531).")] = EVERYBODY
    enhanced_status_codes: Annotated[AtHello[Who], Meta(description="ENHANCEDSTATUSCODES (RFC 2034).")] = EVERYBODY
    chunking: Annotated[AtHello[Who], Meta(description="CHUNKING (RFC 3030).")] = EVERYBODY
    binarymime: Annotated[AtHello[Who], Meta(description="BINARYMIME (RFC 3030), where there is CHUNKING.")] = EVERYBODY
    dsn: Annotated[AtHello[Who], Meta(description="DSN (RFC 3461).")] = EVERYBODY
    limits: Annotated[AtHello[Who], Meta(description="LIMITS (RFC 9422).")] = EVERYBODY
    requiretls: Annotated[AtHello[Who], Meta(description="REQUIRETLS (RFC 8689), under TLS.")] = EVERYBODY
    deliverby: Annotated[AtHello[Who], Meta(description="DELIVERBY (RFC 2852).")] = AUTHENTICATED
    deliver_by_s_min: Annotated[
        int, Meta(description="The least time in which delivery can be promised, in seconds.", ge=0, le=999_999_999)
    ] = 60
    future_release: Annotated[AtHello[Who], Meta(description="FUTURERELEASE (RFC 4865), at submission.")] = (
        AUTHENTICATED
    )
    hold_s_max: Annotated[
        AtHello[Annotated[int, Meta(ge=1, le=999_999_999)]],
        Meta(description="How long a message may be held before it is sent, in seconds."),
    ] = AtHello.of(7 * 86_400)
    mt_priority: Annotated[AtHello[Who], Meta(description="MT-PRIORITY (RFC 6710).")] = AUTHENTICATED
    mt_profile: Annotated[
        str, Meta(description="The priority profile told with it; empty: none.", pattern=r"\A[A-Za-z0-9-]{0,32}\Z")
    ] = ""
    priority_max: Annotated[
        AtHello[Annotated[int, Meta(ge=-9, le=9)]],
        Meta(description="The highest priority that is granted; a higher one is lowered to it."),
    ] = AtHello.of(4)
    no_soliciting: Annotated[AtHello[Who], Meta(description="NO-SOLICITING (RFC 3865).")] = NOBODY
    solicitations: Annotated[
        tuple[Solicitation, ...],
        Meta(description="Mail that says to be of one of these classes is refused then.", max_length=9),
    ] = ()
    vrfy: Annotated[AtHello[Who], Meta(description="VRFY is answered from the directory; to others 252.")] = (
        AUTHENTICATED
    )
    expn: Annotated[AtHello[Who], Meta(description="EXPN tells the members of a list; to others 502.")] = AUTHENTICATED
    mechanisms: Annotated[AtHello[Mechanisms], Meta(description=SAYS)] = AtHello.of(BY_DEFAULT)


class SmtpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all listeners share."""

    message_bytes_max: Annotated[
        AtHello[Positive], Meta(description="Largest message, in bytes; told as SIZE. Rules as in [smtp.offer].")
    ] = AtHello.of(50 * MIB)
    recipients_max: Annotated[
        AtHello[Annotated[int, Meta(ge=100)]],
        Meta(description="Recipients of one message. Rules as in [smtp.offer]."),
    ] = AtHello.of(1000)
    mails_max: Annotated[
        int,
        Meta(description="Messages begun on one connection, told as LIMITS MAILMAX; 0: no limit.", ge=0, le=999_999),
    ] = 0
    domains_max: Annotated[
        int, Meta(description="Domains among a message's recipients, told as RCPTDOMAINMAX; 0: no limit.", ge=0, le=999)
    ] = 0
    offer: OfferSettings = OfferSettings()
    tls_required: Annotated[
        AtHello[bool],
        Meta(
            description="Whether MAIL is refused with 530 before TLS, where STARTTLS is offered. Not for everybody on "
            "port 25: a server that all may send to must not (RFC 3207 4). Rules as in [smtp.offer]."
        ),
    ] = AtHello.of(False)
    auth_required: Annotated[
        AtHello[bool],
        Meta(
            description="Whether MAIL is refused with 530 before AUTH, at submission. Who need not log in is a "
            "stranger: checked, and kept from other servers unless relay says otherwise. Rules as in [smtp.offer]."
        ),
    ] = AtHello.of(True)
    bare_newlines: Annotated[
        Literal["refuse", "neutralise"],
        Meta(description="A message with CR or LF outside CRLF is refused, or these are neutralised."),
    ] = "refuse"
    memory_bytes_max: Annotated[
        Positive,
        Meta(
            description="Messages on their way may hold this much together; then MAIL is told to wait, and at twice as "
            "much large ones are cut off."
        ),
    ] = 1024 * MIB
    connections_max: Annotated[Positive, Meta(description="Connections at once, over all listeners.")] = 2000
    connections_per_ip_max: Annotated[Positive, Meta(description="Connections at once from one address.")] = 100
    idle_s: Annotated[Seconds, Meta(description="A silent client is let go after this (RFC 5321 4.5.3.2: 300).")] = 300
    session_s_max: Annotated[Seconds, Meta(description="A session ends after this, but for a message on its way.")] = (
        3600
    )
    drain_s: Annotated[
        Seconds, Meta(description="How long a stop waits for messages on their way; less than the server's drain_s.")
    ] = 10
    buffer_bytes_max: Annotated[
        Positive, Meta(description="Reading stops while this much waits for an answer; also the most unread replies.")
    ] = 64 * 1024
    received_max: Annotated[Positive, Meta(description="A message with more Received fields goes in circles.")] = 50
    own_addresses_only: Annotated[
        bool, Meta(description="Who has logged in may send as their own addresses only (envelope and From).")
    ] = True
    rules: RuleSettings = RuleSettings()
    rewrite: RewriteSettings = RewriteSettings()
    relay: Annotated[
        AtRcpt[bool],
        Meta(description="Whether mail to other servers is taken from a client that has not logged in."),
    ] = AtRcpt.of(False)
    relay_from: Annotated[
        tuple[str, ...],
        Meta(description="Networks (10.0.0.0/8, 2001:db8::/32) whose mail to other servers is taken without login."),
    ] = ()
    plaintext_auth: Annotated[
        bool, Meta(description="Take passwords without TLS. Only for a loopback that nobody else can hear.")
    ] = False
    auth_failures_max: Annotated[Positive, Meta(description="Wrong passwords before the connection is closed.")] = 3
    auth_pause_s: Annotated[
        Seconds, Meta(description="Pause after a wrong password; longer with each ([logins] pause_s_max).")
    ] = 1.0
    deliver_tries: Annotated[Positive, Meta(description="Attempts to store before the peer is told to retry.")] = 3
    deliver_pause_s: Annotated[Seconds, Meta(description="Pause before another attempt.")] = 0.2

    @property
    def gates(self) -> GateSettings:
        """What of it decides over clients."""
        return GateSettings(self.rules, self.rewrite, self.relay)

    def newlines(self) -> Newlines:
        """What the protocol machine does with newlines in content."""
        return Newlines(self.bare_newlines)

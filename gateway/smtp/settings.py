"""The settings of the SMTP gateway, each in words beside its default."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mail.smtp.content import Newlines
from mail.smtp.limits import MIB, Limits

Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]


class SmtpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all listeners share."""

    message_bytes_max: Annotated[Positive, Meta(description="Largest message, in bytes; told as SIZE.")] = 50 * MIB
    recipients_max: Annotated[Annotated[int, Meta(ge=100)], Meta(description="Recipients of one message.")] = 1000
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
    relay_from: Annotated[
        tuple[str, ...],
        Meta(description="Networks (10.0.0.0/8, 2001:db8::/32) whose mail to other servers is taken without login."),
    ] = ()
    plaintext_auth: Annotated[
        bool, Meta(description="Take passwords without TLS. Only for a loopback that nobody else can hear.")
    ] = False
    auth_failures_max: Annotated[Positive, Meta(description="Wrong passwords before the connection is closed.")] = 3
    auth_pause_s: Annotated[Seconds, Meta(description="Pause after a wrong password; grows with each.")] = 1.0
    deliver_tries: Annotated[Positive, Meta(description="Attempts to store before the peer is told to retry.")] = 3
    deliver_pause_s: Annotated[Seconds, Meta(description="Pause before another attempt.")] = 0.2

    def limits(self) -> Limits:
        """What of it the protocol machine holds."""
        return Limits(
            message_bytes_max=self.message_bytes_max,
            discard_bytes_max=4 * self.message_bytes_max,
            recipients_max=self.recipients_max,
            commands_max=self.recipients_max + 500,
            auth_failures_max=self.auth_failures_max,
        )

    def newlines(self) -> Newlines:
        """The same for content."""
        return Newlines(self.bare_newlines)

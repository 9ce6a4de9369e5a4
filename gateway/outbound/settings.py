"""The settings of outgoing connections, each in words beside its default."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cluster.config.secret import Secret
from mail.smtp.client.events import Where

Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
Port = Annotated[int, Meta(ge=1, le=65535)]


class Route(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way for mail that is not the domain's MX: a relay host, or a server that stores the mail."""

    name: Annotated[str, Meta(description="What rules call it.", min_length=1)]
    host: Annotated[
        str, Meta(description="Name or address of the server; one that begins with / is a Unix socket.", min_length=1)
    ]
    port: Annotated[Port, Meta(description="Its TCP port.")] = 25
    protocol: Annotated[Literal["smtp", "lmtp"], Meta(description="What it speaks.")] = "smtp"
    tls: Annotated[
        Literal["none", "opportunistic", "encrypt", "pkix"],
        Meta(
            description="none: never. opportunistic: where it can be. encrypt: not without. pkix: not without a valid "
            "certificate for the host."
        ),
    ] = "opportunistic"
    implicit_tls: Annotated[bool, Meta(description="TLS from the first byte, as on port 465.")] = False
    user: Annotated[str, Meta(description="Whom to log in as; empty: not at all.")] = ""
    secret: Annotated[Secret, Meta(description="The password, or the OAuth 2.0 token.")] = Secret()
    mechanism: Annotated[
        Literal["", "SCRAM-SHA-256", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"],
        Meta(description="How to log in; empty: the strongest offered way to use a password."),
    ] = ""
    plaintext_auth: Annotated[bool, Meta(description="Log in without TLS too. Only where nobody else can hear.")] = (
        False
    )


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address of ours to send from."""

    address: Annotated[str, Meta(description="The IPv4 or IPv6 address.")]
    hello: Annotated[str, Meta(description="The name to give with EHLO, as DNS has it; empty: that of the server.")] = (
        ""
    )


class Timeouts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an answer is waited for (RFC 5321 4.5.3.2)."""

    connect_s: Annotated[Seconds, Meta(description="For a connection.")] = 30
    greeting_s: Annotated[Seconds, Meta(description="For the greeting.")] = 300
    hello_s: Annotated[Seconds, Meta(description="For the answer to EHLO, STARTTLS and AUTH.")] = 120
    tls_s: Annotated[Seconds, Meta(description="For the TLS handshake.")] = 30
    mail_s: Annotated[Seconds, Meta(description="For the answer to MAIL.")] = 300
    rcpt_s: Annotated[Seconds, Meta(description="For the answer to RCPT.")] = 300
    data_s: Annotated[Seconds, Meta(description="For the answer to DATA.")] = 120
    block_s: Annotated[Seconds, Meta(description="For a piece of the message to be taken.")] = 180
    end_s: Annotated[Seconds, Meta(description="For the answer to the message.")] = 600
    quit_s: Annotated[Seconds, Meta(description="For the answer to QUIT.")] = 5

    def of(self, where: Where | None) -> float:
        """How long to wait for this answer."""
        match where:
            case "end":
                return self.end_s
            case "mail" | "connection":
                return self.mail_s
            case "rcpt":
                return self.rcpt_s
            case "data":
                return self.data_s
            case "greeting":
                return self.greeting_s
            case _:
                return self.hello_s


class OutboundSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mail to other servers."""

    hello: Annotated[str, Meta(description="The name to give with EHLO; empty: the server's hostname.")] = ""
    port: Annotated[Port, Meta(description="The port of other domains' servers.")] = 25
    route: Annotated[tuple[Route, ...], Meta(description="Ways that are not a domain's MX.")] = ()
    routes: Annotated[
        dict[str, str],
        Meta(
            description="Which domains go which way: a domain, or .domain for all under it, or * for all others, and "
            "the name of a route."
        ),
    ] = {}
    source: Annotated[tuple[Source, ...], Meta(description="Addresses to send from; none: the system chooses.")] = ()
    own_addresses: Annotated[
        tuple[str, ...],
        Meta(description="Addresses that lead to this server, besides those it sends from: mail to them is a loop."),
    ] = ()
    tls: Annotated[
        Literal["none", "opportunistic", "encrypt", "pkix"],
        Meta(description="TLS to domains that say nothing of it themselves; see the routes."),
    ] = "opportunistic"
    ipv6: Annotated[bool, Meta(description="Whether IPv6 addresses are tried, first.")] = True
    mx_max: Annotated[Positive, Meta(description="Hosts of a domain that are looked at.")] = 10
    addresses_max: Annotated[Positive, Meta(description="Addresses of a domain that are tried.")] = 12
    loopback: Annotated[
        bool, Meta(description="Follow an MX to a loopback address. Only for tests: elsewhere it is a loop or a trap.")
    ] = False
    plan_s: Annotated[Seconds, Meta(description="How long what was found of a domain is used, at the most.")] = 300
    host_retry_s: Annotated[
        Seconds, Meta(description="How long an address that did not answer, or wants nobody, is left alone.")
    ] = 60
    connections_max: Annotated[Positive, Meta(description="Outgoing connections of this process.")] = 1000
    connections_per_destination_max: Annotated[
        Positive, Meta(description="Connections for domains that share their servers.")
    ] = 20
    connections_per_host_max: Annotated[Positive, Meta(description="Connections to one address.")] = 20
    backlog_per_connection: Annotated[
        Positive, Meta(description="Messages under way or waiting for which one more connection is opened.")
    ] = 4
    messages_per_connection_max: Annotated[Positive, Meta(description="Messages before a connection is closed.")] = 1000
    idle_s: Annotated[Seconds, Meta(description="How long a connection is kept that nobody needs.")] = 10
    timeouts: Timeouts = Timeouts()

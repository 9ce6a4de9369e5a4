"""The settings of outgoing connections, each in words beside its default."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from cluster.config.secret import Secret
from gateway.facts import AtOutbound
from gateway.outbound.policysettings import TlsSettings
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
    domains: Annotated[
        tuple[str, ...],
        Meta(
            description="Which domains go this way, as in [outbound.routes]: a domain, .domain for all under it, or *."
        ),
    ] = ()
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
    name: Annotated[str, Meta(description="What choose_source calls it; several may have the same.")] = ""
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


MX: Final = "mx"
"""In place of a route's name: none, but the domain's own hosts."""


class OutboundSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mail to other servers."""

    hello: Annotated[
        AtOutbound[str],
        Meta(
            description="The name to give with EHLO, where the address that is sent from has none of its own; empty: "
            "the server's hostname."
        ),
    ] = AtOutbound.of("")
    port: Annotated[Port, Meta(description="The port of other domains' servers.")] = 25
    route: Annotated[tuple[Route, ...], Meta(description="Ways that are not a domain's MX.")] = ()
    routes: Annotated[
        dict[str, str],
        Meta(
            description="Which domains go which way: a domain, or .domain for all under it, or * for all others, and "
            "the name of a route."
        ),
    ] = {}
    choose_route: Annotated[
        AtOutbound[str],
        Meta(description="The name of a route, or mx for the domain's own hosts; empty: as [outbound.routes] says."),
    ] = AtOutbound.of("")
    source: Annotated[
        tuple[Source, ...],
        Meta(
            description="Addresses to send from: of those of a host's kind always the same one for a host; none: the "
            "system chooses."
        ),
    ] = ()
    choose_source: Annotated[
        AtOutbound[str],
        Meta(
            description="The name of sources, or the address of one: mail leaves from no other. Empty: any of them. "
            "Asked with each host as mx."
        ),
    ] = AtOutbound.of("")
    own_addresses: Annotated[
        tuple[str, ...],
        Meta(description="Addresses that lead to this server, besides those it sends from: mail to them is a loop."),
    ] = ()
    tls: TlsSettings = TlsSettings()
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
        AtOutbound[Positive],
        Meta(description="Connections for domains that share their servers, and for mail of which rules say the same."),
    ] = AtOutbound.of(20)
    connections_per_host_max: Annotated[Positive, Meta(description="Connections to one address.")] = 20
    backlog_per_connection: Annotated[
        Positive, Meta(description="Messages under way or waiting for which one more connection is opened.")
    ] = 4
    messages_per_connection_max: Annotated[Positive, Meta(description="Messages before a connection is closed.")] = 1000
    idle_s: Annotated[Seconds, Meta(description="How long a connection is kept that nobody needs.")] = 10
    timeouts: Timeouts = Timeouts()

    def __post_init__(self) -> None:
        names = [route.name for route in self.route]
        if twice := {name for name in names if names.count(name) > 1 or name == MX}:
            raise ValueError(f"route: {min(twice)!r} is taken")
        rows = [domain.lower() for domain in (*self.routes, *(one for route in self.route for one in route.domains))]
        if again := {row for row in rows if rows.count(row) > 1}:
            raise ValueError(f"routes: {min(again)!r} has more than one")
        for where, named in (("routes", self.routes.values()), ("choose_route", _texts(self.choose_route))):
            if unknown := set(named) - {*names, MX, ""}:
                raise ValueError(f"{where}: there is no route {min(unknown)!r}")
        sources = {word for source in self.source for word in (source.name, source.address)}
        if unknown := _texts(self.choose_source) - {*sources, ""}:
            raise ValueError(f"choose_source: there is no source {min(unknown)!r}")

    @property
    def rows(self) -> dict[str, str]:
        """Which domains go which way: `routes`, and what the routes say themselves."""
        rows = {domain: route.name for route in self.route for domain in route.domains} | self.routes
        return {domain.lower(): name for domain, name in rows.items()}


def _texts(choice: AtOutbound[str]) -> set[str]:
    """Those that are known before any mail: without places to be filled in."""
    return {value for value in choice.values if "${" not in value}

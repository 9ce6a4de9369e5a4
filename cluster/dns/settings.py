"""Which servers answer our questions, and which of them are believed to have validated what they say.

The law: where nothing is said, nobody across a network is believed: who can change packets could set the bit, too.
"""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from cluster.errors import Misconfigured

PORT: Final = 53
RESOLV_CONF: Final = Path("/etc/resolv.conf")
SERVERS_MAX: Final = 8  # asked in turn; a question's time is spent long before

Seconds = Annotated[float, Meta(gt=0)]


class Server(NamedTuple):
    """A resolver. `trusted`: its AD bit is believed."""

    host: str
    port: int = PORT
    trusted: bool = False


class DnsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is asked about names. For DANE a validating resolver on this machine is needed, such as Debian's unbound or
    knot-resolver, which are one as they are installed: set servers = ["127.0.0.1"]."""

    servers: Annotated[
        tuple[str, ...],
        Meta(description="ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT of recursive resolvers, asked in this order; empty: "
             "those of /etc/resolv.conf.", max_length=SERVERS_MAX),
    ] = ()  # fmt: skip
    dnssec: Annotated[
        Literal["trust-loopback", "trust", "off"],
        Meta(description="Whose word (the AD bit) is taken that an answer was validated with DNSSEC. trust-loopback: "
             "of resolvers on this machine. trust: of all; only where nobody else can change packets on the way to "
             "them. off: of none; then there is no DANE."),
    ] = "trust-loopback"  # fmt: skip
    timeout_s: Annotated[Seconds, Meta(description="How long one server is waited for, before the next is asked.")] = (
        2.0
    )
    total_s: Annotated[
        Seconds, Meta(description="How long a question may take in all; then it is a temporary failure.")
    ] = 10.0
    tries: Annotated[int, Meta(description="How often each server is asked.", ge=1, le=10)] = 2
    in_flight_max: Annotated[
        int, Meta(description="Questions on their way at once; more wait.", ge=1, le=10_000)
    ] = 500  # fmt: skip
    waiting_max: Annotated[
        int, Meta(description="Questions that may wait; more are temporary failures.", ge=0)
    ] = 20_000  # fmt: skip
    cache_entries_max: Annotated[int, Meta(description="Answers kept in memory.", ge=1)] = 50_000
    cache_bytes_max: Annotated[int, Meta(description="And about how large they may be together.", ge=1)] = 32 << 20
    ttl_s_max: Annotated[int, Meta(description="How long an answer is kept, whatever it says itself.", ge=0)] = 86_400
    negative_ttl_s_max: Annotated[
        int, Meta(description="The same for a name or record that does not exist (RFC 2308: 1 to 3 hours).", ge=0)
    ] = 3600
    failure_ttl_s: Annotated[
        int, Meta(description="How long a temporary failure is remembered (RFC 2308 7.1: at most 300).", ge=0, le=300)
    ] = 5
    static: Annotated[
        dict[str, dict[str, tuple[str, ...]]],
        Meta(description='Names that are answered from here: "mx.example.org" = { A = ["192.0.2.1"] }, with records '
             "as zone files have them. Such a name has no other records; they count as validated."),
    ] = {}  # fmt: skip


def servers_of(settings: DnsSettings, resolv_conf: Path = RESOLV_CONF) -> tuple[Server, ...]:
    """The servers to ask. Raises Misconfigured."""
    named = settings.servers or tuple(_from_system(resolv_conf)) or ("127.0.0.1",)  # resolv.conf(5): else the loopback
    return tuple(_server(text, settings.dnssec) for text in named[:SERVERS_MAX])


def _from_system(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            yield words[1]


def _server(text: str, dnssec: str) -> Server:
    host, port = _split(text)
    try:
        address = ipaddress.ip_address(host)
        number = int(port) if port.isascii() and port.isdigit() else 0
    except ValueError:
        number = 0
    if not 1 <= number <= 65535:
        raise Misconfigured(f"[dns] servers: {text!r} is no ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT.")
    return Server(host, number, dnssec == "trust" or (dnssec == "trust-loopback" and address.is_loopback))


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.removeprefix(":") if port else str(PORT)
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, str(PORT)

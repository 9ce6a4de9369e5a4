"""What a server's settings say that their types allow and nobody can do: networks, addresses and names that are none.

The law: each mistake is told with the path of its setting and a cure, when the settings are loaded: before a port is
bound, and never when the first mail comes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from actors.directory.authorizations import check_issuer
from cluster.dns.records import Table
from cluster.dns.settings import servers_of
from cluster.errors import Misconfigured
from gateway.networks import networks
from gateway.outbound.settings import OutboundSettings
from gateway.web.cors import Origins

if TYPE_CHECKING:
    from ops.settings import Settings

# Letters of any script, digits, hyphens and underscores, in labels; no more, since the DNS judges names.
_NAME: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*\.?")


def mistakes(settings: "Settings") -> Iterator[str]:
    """Each as `path: what is wrong; what to write`."""
    yield from _names("hostname", [settings.hostname])
    yield from _refused("smtp.relay_from", networks, settings.smtp.relay_from)
    for number, listener in enumerate(settings.listen):
        yield from _refused(f"listen[{number}].proxy_from", networks, listener.proxy_from)
    yield from _refused("api.networks", networks, settings.api.networks)
    if settings.dns.servers:
        yield from _refused("dns.servers", servers_of, settings.dns)
    yield from _refused("dns.static", Table, settings.dns.static)
    if issuer := settings.directory.authorization.issuer:
        yield from _refused("directory.authorization.issuer", check_issuer, issuer)
    yield from _twice("milter", [one.name for one in settings.milter])
    for number, milter in enumerate(settings.milter):
        yield from _refused(f"milter[{number}].address", milter.where)
    yield from _twice("throttle", [one.name for one in settings.throttle])
    yield from _names("screen.trusted_sealers", settings.screen.trusted_sealers)
    yield from _refused("web.origins", Origins, settings.web.origins)
    yield from _names("mta_sts.mx", (host.removeprefix("*.") for host in settings.mta_sts.mx))
    yield from _mailboxes("reports.addresses", settings.reports.addresses)
    yield from _mailboxes("reports.sender", filter(None, [settings.reports.sender]))
    yield from _outbound(settings.outbound)


def _outbound(settings: OutboundSettings) -> Iterator[str]:
    yield from _addresses("outbound.own_addresses", settings.own_addresses)
    for number, source in enumerate(settings.source):
        yield from _addresses(f"outbound.source[{number}].address", [source.address])
    yield from _ways("outbound.routes", settings.routes)
    yield from _names("outbound.tls.destinations", (name.removeprefix(".") for name in settings.tls.destinations))
    for number, route in enumerate(settings.route):
        yield from _ways(f"outbound.route[{number}].domains", route.domains)
        if route.user and not route.secret:
            yield f"outbound.route[{number}].secret: there is a user and no password; give secret, or no user"


def _ways(path: str, domains: Iterable[str]) -> Iterator[str]:
    for domain in domains:
        if domain != "*" and not _NAME.fullmatch(domain.removeprefix(".")) and not domain.startswith("["):
            yield f"{path}: {domain!r} is no domain; write example.org, .example.org for all under it, or *"


def _names(path: str, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if not _NAME.fullmatch(name):
            yield f"{path}: {name!r} is no name of a host or domain; write one such as example.org"


def _addresses(path: str, addresses: Iterable[str]) -> Iterator[str]:
    for address in addresses:
        try:
            ip_address(address)
        except ValueError:
            yield f"{path}: {address!r} is no IPv4 or IPv6 address; write one such as 192.0.2.1"


def _mailboxes(path: str, addresses: Iterable[str]) -> Iterator[str]:
    for address in addresses:
        local, at, domain = address.rpartition("@")
        if not (local and at and _NAME.fullmatch(domain)):
            yield f"{path}: {address!r} is no address; write one such as postmaster@example.org"


def _twice(path: str, names: list[str]) -> Iterator[str]:
    if again := sorted({name for name in names if names.count(name) > 1}):
        yield f"{path}: there are two of the name {again[0]}; give each its own"


def _refused(path: str, check: Callable[..., object], *given: object) -> Iterator[str]:
    try:
        check(*given)
    except Misconfigured as error:
        yield f"{path}: {error.log.removeprefix('[dns] servers: ').removesuffix('.')}"
    except ValueError as error:
        yield f"{path}: {error}"

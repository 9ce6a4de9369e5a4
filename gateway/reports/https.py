"""Reports over HTTPS (RFC 8460 5.4).

The law: no redirect is followed, no answer is read beyond its first line and fields, and it ends within a minute. It is
never sent to an address that is not on the public network: who publishes the record chooses the host.
"""

import ipaddress
import ssl
from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import urlsplit

from cluster.dns.resolver import Resolver
from gateway.https import Names, is_address, session

SECONDS: Final = 60.0  # for one report, all of it
TYPE: Final = "application/tlsrpt+gzip"
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")  # all that is given out (RFC 4291 2.4, IANA)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 2.1


class Poster(Protocol):
    """Posts."""

    async def __call__(self, uri: str, body: bytes) -> str:
        """Send a gzipped TLS report; empty where it was taken, else why not."""
        ...


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = _within(found)
        if inner is None and found not in _UNICAST:
            return False
        found = inner or found
    return found.is_global and not found.is_multicast


def _within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The address of IPv4 that packets to an address of IPv6 may end at: by the host itself, or by a translator."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour


class HttpsPoster:
    """Posts with aiohttp, which is imported with the first report; names are looked up with our own resolver."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        context: ssl.SSLContext | None = None,
        allowed: Callable[[str], bool] = is_public,
        seconds: float = SECONDS,
    ) -> None:
        """`context`: whom to trust; None: the system's authorities. `allowed`: whether an address may be sent to."""
        self._context = context
        self._names = Names(resolver, allowed, "no public address that is known now")
        self._allowed = allowed
        self._seconds = seconds

    async def __call__(self, uri: str, body: bytes) -> str:
        """Send it; empty where it was taken, else why not. Raises nothing for any URI or answer."""
        try:
            parts = urlsplit(uri)
            host = parts.hostname or ""
        except ValueError:
            return "no URI"
        if parts.scheme.lower() != "https" or not host or parts.username is not None:
            return "no https URI of a host"
        if is_address(host) and not self._allowed(host):
            return f"{host} is no public address"
        return await self._post(uri, body)

    async def _post(self, uri: str, body: bytes) -> str:
        import aiohttp  # 0.3 s, which most processes never need

        if self._context is None:
            self._context = ssl.create_default_context()
        try:
            async with (
                session(self._names, self._context, self._seconds) as opened,
                opened.post(uri, data=body, headers={"Content-Type": TYPE}, allow_redirects=False) as response,
            ):
                return "" if 200 <= response.status < 300 else f"HTTP status {response.status}"
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return (str(error) or type(error).__name__)[:200]

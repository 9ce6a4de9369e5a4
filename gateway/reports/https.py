"""Reports over HTTPS (RFC 8460 5.4).

The law: no redirect is followed, no answer is read beyond its first line and fields, and it ends within a minute. It is
never sent to an address that is not on the public network: who publishes the record chooses the host.
"""

import asyncio
import errno
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final, Protocol, cast
from urllib.parse import urlsplit

from cluster.dns.resolver import Resolver

SECONDS: Final = 60.0  # for one report, all of it
HEAD_BYTES_MAX: Final = 8192  # of each line of a response's head
TYPE: Final = "application/tlsrpt+gzip"


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
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_global and not found.is_multicast


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
        self._names = _Addresses(resolver, allowed)
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
        if _is_address(host) and not self._allowed(host):
            return f"{host} is no public address"
        return await self._post(uri, body)

    async def _post(self, uri: str, body: bytes) -> str:
        import aiohttp  # 0.3 s, which most processes never need

        if self._context is None:
            self._context = ssl.create_default_context()
        connector = aiohttp.TCPConnector(
            ssl=self._context, resolver=cast("Any", self._names), use_dns_cache=False, force_close=True
        )
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=aiohttp.ClientTimeout(total=self._seconds),
                    auto_decompress=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    max_line_size=HEAD_BYTES_MAX,
                    max_field_size=HEAD_BYTES_MAX,
                ) as session,
                session.post(uri, data=body, headers={"Content-Type": TYPE}, allow_redirects=False) as response,
            ):
                return "" if 200 <= response.status < 300 else f"HTTP status {response.status}"
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return (str(error) or type(error).__name__)[:200]


class _Addresses:
    """aiohttp's AbstractResolver, over ours, without the addresses that are not allowed."""

    def __init__(self, resolver: Resolver, allowed: Callable[[str], bool]) -> None:
        self._resolver = resolver
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[dict[str, Any]]:
        """The addresses of a host. Raises OSError."""
        kinds = [("A", socket.AF_INET), ("AAAA", socket.AF_INET6)]
        wanted = [(kind, of) for kind, of in kinds if family in (socket.AF_UNSPEC, of)]
        answers = await asyncio.gather(*(self._resolver.ask(host, kind) for kind, _ in wanted))
        flags = socket.AI_NUMERICHOST
        found = [
            {"hostname": host, "host": address, "port": port, "family": of, "proto": 0, "flags": flags}
            for (_, of), answer in zip(wanted, answers, strict=True)
            for address in answer.records
            if self._allowed(address)
        ]
        if not found:
            raise OSError(errno.EHOSTUNREACH, f"{host} has no public address that is known now")
        return found

    async def close(self) -> None:
        """Nothing is held."""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

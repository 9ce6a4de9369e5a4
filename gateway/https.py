"""A session with other people's HTTPS servers: for a policy to be fetched, for a report to be posted.

The law: names are looked up with our own resolver, nothing is cached or kept, no cookie is taken, and a response's head
is bounded. Redirects are the caller's to refuse.
"""

import asyncio
import errno
import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from urllib.parse import urlsplit

from cluster.dns.resolver import Resolver

if TYPE_CHECKING:
    import aiohttp

HEAD_BYTES_MAX: Final = 8192  # of each line of a response's head
WHY_CHARS_MAX: Final = 200
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")  # all that is given out (RFC 4291 2.4, IANA)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 2.1


def session(names: "Names", context: ssl.SSLContext, seconds: float) -> "aiohttp.ClientSession":
    """One, to be closed. `seconds`: for a request, all of it."""
    import aiohttp  # 0.3 s, which most processes never need

    connector = aiohttp.TCPConnector(ssl=context, resolver=cast("Any", names), use_dns_cache=False, force_close=True)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=seconds),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        max_line_size=HEAD_BYTES_MAX,
        max_field_size=HEAD_BYTES_MAX,
    )


class Names:
    """aiohttp's AbstractResolver, over ours, without the addresses that are not allowed."""

    def __init__(
        self, resolver: Resolver, allowed: Callable[[str], bool] = lambda _address: True, lacking: str = ""
    ) -> None:
        """`lacking`: what is said of a host without an address; empty: what the DNS says."""
        self._resolver = resolver
        self._allowed = allowed
        self._lacking = lacking

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
            why = self._lacking or next((answer.why for answer in answers if answer.why), "no addresses")
            raise OSError(errno.EHOSTUNREACH, f"{host}: {why}")
        return found

    async def close(self) -> None:
        """Nothing is held."""


def is_address(host: str) -> bool:
    """Whether it is an IP address, not a name: also in a spelling that only some resolvers know (`127.1`,
    `0x7f000001`), which no name has, as no top-level domain begins with a digit (RFC 1123 2.1)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.removesuffix(".").rpartition(".")[2][:1].isdigit()
    return True


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


class Answer(NamedTuple):
    """What came of a post. `status` 0: there was none, and `why` says why. `forbidden`: nothing is sent there, ever."""

    status: int
    retry_after: str = ""
    why: str = ""
    forbidden: bool = False


class Poster:
    """Posts with aiohttp, which is imported with the first post; names are looked up with our own resolver."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        context: ssl.SSLContext | None = None,
        allowed: Callable[[str], bool] = is_public,
        seconds: float,
    ) -> None:
        """`context`: whom to trust; None: the system's authorities. `allowed`: whether an address may be sent to."""
        self._context = context
        self._names = Names(resolver, allowed, "no public address that is known now")
        self._allowed = allowed
        self._seconds = seconds

    async def post(self, url: str, body: bytes, fields: Mapping[str, str]) -> Answer:
        """Post it. Raises nothing for any URL or answer."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return Answer(0, why="no URI", forbidden=True)
        if parts.scheme.lower() != "https" or not host or parts.username is not None:
            return Answer(0, why="no https URI of a host", forbidden=True)
        if is_address(host) and not self._allowed(host):
            return Answer(0, why=f"{host} is no public address", forbidden=True)
        return await self._post(url, body, fields)

    async def _post(self, url: str, body: bytes, fields: Mapping[str, str]) -> Answer:
        import aiohttp  # 0.3 s, which most processes never need

        if self._context is None:
            self._context = ssl.create_default_context()
        try:
            async with (
                session(self._names, self._context, self._seconds) as opened,
                opened.post(url, data=body, headers=dict(fields), allow_redirects=False) as response,
            ):
                why = "" if 200 <= response.status < 300 else f"HTTP status {response.status}"
                return Answer(response.status, response.headers.get("Retry-After", ""), why)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return Answer(0, why=(str(error) or type(error).__name__)[:WHY_CHARS_MAX])

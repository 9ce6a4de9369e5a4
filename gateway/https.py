"""A session with other people's HTTPS servers: for a policy to be fetched, for a report to be posted.

The law: names are looked up with our own resolver, nothing is cached or kept, no cookie is taken, and a response's head
is bounded. Redirects are the caller's to refuse.
"""

import asyncio
import errno
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from cluster.dns.resolver import Resolver

if TYPE_CHECKING:
    import aiohttp

HEAD_BYTES_MAX: Final = 8192  # of each line of a response's head


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

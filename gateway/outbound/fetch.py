"""Fetching an MTA-STS policy over HTTPS (RFC 8461 §3.3).

The law: no redirect is followed, no certificate passed over, no more than a policy may have is read, and it ends within
a minute. Whatever happens, it is either the policy's bytes or a FetchError with the word that reports have for it.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, cast

from cluster.dns.resolver import Resolver
from mail.trust.mtasts import PATH, POLICY_BYTES_MAX

if TYPE_CHECKING:
    import aiohttp

FETCH_S_MAX: Final = 60.0  # RFC 8461 §3.3
HEAD_BYTES_MAX: Final = 8192  # of each line of a response's head

Fetch = Callable[[str], Awaitable[bytes]]
"""From a domain to the bytes of its policy. Raises FetchError."""


class FetchError(Exception):
    """`failure`: a result type of RFC 8460 §4.3."""

    def __init__(self, failure: str, why: str) -> None:
        super().__init__(why)
        self.failure = failure
        self.why = why


class HttpsFetcher:
    """Fetches with aiohttp, which is imported with the first fetch; names are looked up with our own resolver."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        context: ssl.SSLContext | None = None,
        port: int = 443,
        seconds: float = FETCH_S_MAX,
    ) -> None:
        """`context`: whom to trust; None: the system's authorities."""
        self._resolver = resolver
        self._context = context
        self._port = port
        self._seconds = seconds

    async def __call__(self, domain: str) -> bytes:
        """The policy that `mta-sts.DOMAIN` serves."""
        import aiohttp  # 0.3 s, which most processes never need

        if self._context is None:
            self._context = ssl.create_default_context()
        connector = aiohttp.TCPConnector(
            ssl=self._context, resolver=cast("Any", _OwnResolver(self._resolver)), use_dns_cache=False, force_close=True
        )
        timeout = aiohttp.ClientTimeout(total=self._seconds)
        port = "" if self._port == 443 else f":{self._port}"
        try:
            async with aiohttp.ClientSession(
                connector=connector,
                timeout=timeout,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=HEAD_BYTES_MAX,
                max_field_size=HEAD_BYTES_MAX,
            ) as session:
                return await _policy(session, f"https://mta-sts.{domain}{port}{PATH}")
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as error:
            raise FetchError("sts-webpki-invalid", _short(error)) from error
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise FetchError("sts-policy-fetch-error", _short(error)) from error


async def _policy(session: "aiohttp.ClientSession", url: str) -> bytes:
    headers = {"Accept": "text/plain", "Accept-Encoding": "identity"}
    async with session.get(url, allow_redirects=False, headers=headers) as response:
        if response.status != 200:
            raise FetchError("sts-policy-fetch-error", f"HTTP status {response.status}")
        if response.content_type != "text/plain":
            raise FetchError(
                "sts-policy-fetch-error", f"the media type is not text/plain: {response.content_type[:60]}"
            )
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise FetchError("sts-policy-fetch-error", "the response is encoded")
        data = bytearray()
        async for piece in response.content.iter_any():
            data += piece
            if len(data) > POLICY_BYTES_MAX:
                raise FetchError("sts-policy-invalid", f"the policy has more than {POLICY_BYTES_MAX} bytes")
        return bytes(data)


def _short(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:200]


class _OwnResolver:
    """aiohttp's AbstractResolver, over ours."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[dict[str, Any]]:
        """The addresses of a host. Raises OSError."""
        kinds = [("A", socket.AF_INET), ("AAAA", socket.AF_INET6)]
        wanted = [(kind, of) for kind, of in kinds if family in (socket.AF_UNSPEC, of)]
        answers = await asyncio.gather(*(self._resolver.ask(host, kind) for kind, _ in wanted))
        found = [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": of,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for (_, of), answer in zip(wanted, answers, strict=True)
            for address in answer.records
        ]
        if not found:
            why = next((answer.why for answer in answers if answer.why), "no addresses")
            raise OSError(errno.EHOSTUNREACH, f"{host}: {why}")
        return found

    async def close(self) -> None:
        """Nothing is held."""

"""Fetching an MTA-STS policy over HTTPS (RFC 8461 §3.3).

The law: no redirect is followed, no certificate passed over, no more than a policy may have is read, and it ends within
a minute. Whatever happens, it is either the policy's bytes or a FetchError with the word that reports have for it.
"""

import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from cluster.dns.resolver import Resolver
from gateway.https import Names, session
from mail.trust.mtasts import PATH, POLICY_BYTES_MAX

if TYPE_CHECKING:
    import aiohttp

FETCH_S_MAX: Final = 60.0  # RFC 8461 §3.3

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
        self._names = Names(resolver)
        self._context = context
        self._port = port
        self._seconds = seconds

    async def __call__(self, domain: str) -> bytes:
        """The policy that `mta-sts.DOMAIN` serves."""
        import aiohttp  # 0.3 s, which most processes never need

        if self._context is None:
            self._context = ssl.create_default_context()
        port = "" if self._port == 443 else f":{self._port}"
        try:
            async with session(self._names, self._context, self._seconds) as opened:
                return await _policy(opened, f"https://mta-sts.{domain}{port}{PATH}")
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as error:
            raise FetchError("sts-webpki-invalid", _short(error)) from error
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise FetchError("sts-policy-fetch-error", _short(error)) from error


async def _policy(opened: "aiohttp.ClientSession", url: str) -> bytes:
    headers = {"Accept": "text/plain", "Accept-Encoding": "identity"}
    async with opened.get(url, allow_redirects=False, headers=headers) as response:
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

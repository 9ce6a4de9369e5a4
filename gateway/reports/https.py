"""Reports over HTTPS (RFC 8460 5.4).

The law: no redirect is followed, no answer is read beyond its first line and fields, and it ends within a minute. It is
never sent to an address that is not on the public network: who publishes the record chooses the host.
"""

import ssl
from collections.abc import Callable
from typing import Final, Protocol

from cluster.dns.resolver import Resolver
from gateway import https
from gateway.https import is_public

SECONDS: Final = 60.0  # for one report, all of it
TYPE: Final = "application/tlsrpt+gzip"


class Poster(Protocol):
    """Posts."""

    async def __call__(self, uri: str, body: bytes) -> str:
        """Send a gzipped TLS report; empty where it was taken, else why not."""
        ...


class HttpsPoster(https.Poster):
    """Of reports."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        context: ssl.SSLContext | None = None,
        allowed: Callable[[str], bool] = is_public,
        seconds: float = SECONDS,
    ) -> None:
        """As https.Poster."""
        super().__init__(resolver, context=context, allowed=allowed, seconds=seconds)

    async def __call__(self, uri: str, body: bytes) -> str:
        """Send it; empty where it was taken, else why not. Raises nothing for any URI or answer."""
        return (await self.post(uri, body, {"Content-Type": TYPE})).why

"""Posts to push services over HTTPS.

The law: whoever subscribes chooses the host, so nothing is sent to an address that is not on the public network (RFC
8620 8.6), no redirect is followed, and of an answer nothing is read but its head. It ends within SECONDS.
"""

import ssl
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from cluster.dns.resolver import Resolver
from gateway.https import Answer, Poster, is_public

SECONDS: Final = 20.0  # for one push, all of it


class Posting(Protocol):
    """Posts."""

    async def __call__(self, url: str, body: bytes, fields: Mapping[str, str]) -> Answer:
        """Raises nothing for any URL or answer."""
        ...


class HttpsPoster(Poster):
    """Of pushes."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        context: ssl.SSLContext | None = None,
        allowed: Callable[[str], bool] = is_public,
        seconds: float = SECONDS,
    ) -> None:
        """As Poster."""
        super().__init__(resolver, context=context, allowed=allowed, seconds=seconds)

    async def __call__(self, url: str, body: bytes, fields: Mapping[str, str]) -> Answer:
        """As of Posting."""
        return await self.post(url, body, fields)

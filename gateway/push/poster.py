"""Posts to push services over HTTPS.

The law: whoever subscribes chooses the host, so nothing is sent to an address that is not on the public network (RFC
8620 8.6), no redirect is followed, and of an answer nothing is read but its head. It ends within SECONDS.
"""

import ssl
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from cluster.dns.resolver import Resolver
from gateway.https import Names, is_address, session
from gateway.reports.https import is_public

SECONDS: Final = 20.0  # for one push, all of it
WHY_CHARS_MAX: Final = 200


class Answer(NamedTuple):
    """A push service's. `status` 0: there was none, and `why` says why. `forbidden`: nothing is sent there, ever."""

    status: int
    retry_after: str = ""
    why: str = ""
    forbidden: bool = False


class Posting(Protocol):
    """Posts."""

    async def __call__(self, url: str, body: bytes, fields: Mapping[str, str]) -> Answer:
        """Raises nothing for any URL or answer."""
        ...


class HttpsPoster:
    """Posts with aiohttp, which is imported with the first push; names are looked up with our own resolver."""

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

    async def __call__(self, url: str, body: bytes, fields: Mapping[str, str]) -> Answer:
        """Post it. Raises nothing for any URL or answer."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return Answer(0, why="no URL", forbidden=True)
        if parts.scheme.lower() != "https" or not host or parts.username is not None:
            return Answer(0, why="no https URL of a host", forbidden=True)
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

"""Lookups fetched over HTTP.

The law: no more than `bytes_max` are read, whatever the server sends; what has not changed is not sent again where the
server says so (RFC 9110 13.1); a failed fetch leaves what was fetched before.
"""

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit

from cluster.errors import Unavailable
from cluster.lookup.settings import LookupSettings
from cluster.lookup.table import Table, WrongTable, read_table

CHUNK_BYTES: Final = 64 * 1024
REDIRECTS_MAX: Final = 5
_TAG_CHARACTERS_MAX: Final = 500


class Http:
    """A list at a URL."""

    def __init__(self, settings: LookupSettings) -> None:
        self.every_s = settings.refresh_every_s
        self._settings = settings
        self._session: Any = None
        self._tag = ""
        parts = urlsplit(settings.url)
        self._where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"  # no password, no key

    async def read(self) -> Table | None:
        """The list, None where it has not changed. Raises Unavailable."""
        import aiohttp  # only for who has such a lookup: it takes a fifth of a second

        if self._session is None:
            timeout = aiohttp.ClientTimeout(
                total=max(self._settings.timeout_s, 1.0) * 4, connect=self._settings.timeout_s
            )
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=True)
        settings = self._settings
        try:
            data = await self._fetched()
            if data is None:
                return None
            return await asyncio.to_thread(
                read_table,
                data,
                settings.format,
                bytes_max=settings.bytes_max,
                entries_max=settings.entries_max,
                case_sensitive=settings.case_sensitive,
            )
        except WrongTable as error:
            self._tag = ""
            raise Unavailable("A list cannot be used.", log=f"{self._where}: {error}") from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            is_told = not isinstance(
                error, aiohttp.InvalidURL | aiohttp.ClientResponseError
            )  # these hold the whole URL
            why = f"{type(error).__name__}: {error}" if is_told else type(error).__name__
            raise Unavailable("A list cannot be fetched.", log=f"{self._where}: {why}") from None

    async def _fetched(self) -> bytes | None:
        headers = {"If-None-Match": self._tag} if self._tag else {}
        async with self._session.get(self._settings.url, headers=headers, max_redirects=REDIRECTS_MAX) as response:
            if response.status == 304 and self._tag:
                return None
            if response.status != 200:
                raise ValueError(f"the server answered {response.status}")
            data = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                data += chunk
                if len(data) > self._settings.bytes_max:
                    raise ValueError(f"it is larger than {self._settings.bytes_max} bytes")
            tag = response.headers.get("ETag", "")
            self._tag = tag if len(tag) <= _TAG_CHARACTERS_MAX else ""
        return bytes(data)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

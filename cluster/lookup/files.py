"""Lookups written in the settings, and in files.

The law: a file is read anew only when it has changed, whole, in a thread; one that cannot be read any more leaves what
was read of it before.
"""

import asyncio
from pathlib import Path
from typing import Final

from cluster.errors import Misconfigured
from cluster.lookup.settings import LookupSettings
from cluster.lookup.table import Table, WrongTable, read_table

Seen = tuple[int, int, int]
_NEVER: Final[Seen] = (0, 0, 0)


class Inline:
    """A source that never changes."""

    every_s = 0.0

    def __init__(self, settings: LookupSettings) -> None:
        self._settings = settings

    async def read(self) -> Table:
        """What is written in the settings."""
        pairs = [*((key, "") for key in self._settings.entries), *self._settings.values.items()]
        return Table(pairs, case_sensitive=self._settings.case_sensitive)

    async def close(self) -> None:
        """Nothing is held."""


class File:
    """A file on this machine."""

    def __init__(self, settings: LookupSettings) -> None:
        self.every_s = settings.check_every_s
        self._settings = settings
        self._path = Path(settings.path)
        self._seen = _NEVER

    async def read(self) -> Table | None:
        """The file, None where it has not changed. Raises Misconfigured."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> Table | None:
        settings = self._settings
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen == self._seen:
                return None
            with self._path.open("rb") as file:
                data = file.read(settings.bytes_max + 1)
            table = read_table(
                data,
                settings.format,
                bytes_max=settings.bytes_max,
                entries_max=settings.entries_max,
                case_sensitive=settings.case_sensitive,
            )
        except OSError as error:
            why = f"cannot be read: {error.strerror or error}; check the path and who may read it"
            raise Misconfigured(f"The lookup file {settings.path} {why}.") from error
        except WrongTable as error:
            raise Misconfigured(f"The lookup file {settings.path} cannot be used: {error}.") from None
        self._seen = seen
        return table

    async def close(self) -> None:
        """Nothing is held."""

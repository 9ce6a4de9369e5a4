"""Lookups in databases: PostgreSQL over the network, SQLite in a file.

The law: the key is a parameter of the query, never part of its text; connections only read; a query that takes too long
is ended.
"""

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from cluster.errors import Unavailable
from cluster.lookup.settings import LookupSettings
from cluster.rules.facts import NOT_THERE, Missing

CONNECTIONS_MAX: Final = 4  # of one lookup to PostgreSQL
_STEPS: Final = 10_000  # of SQLite's machine between two looks at the clock: well below a millisecond


class Postgresql:
    """A query to PostgreSQL."""

    def __init__(self, settings: LookupSettings) -> None:
        self._settings = settings
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def ask(self, key: str) -> str | Missing:
        """The first column of the first row. Raises Unavailable."""
        import asyncpg

        timeout_s = self._settings.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                pool = await self._opened()
                async with pool.acquire() as connection:
                    row = await connection.fetchrow(self._settings.query, key)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
            # The text of a driver's error may hold the address with its password.
            raise Unavailable("A database does not answer.", log=f"lookup query: {type(error).__name__}") from None
        return NOT_THERE if row is None else _said(row[0])

    async def _opened(self) -> Any:
        import asyncpg

        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._settings.database.reveal(),
                    min_size=0,
                    max_size=CONNECTIONS_MAX,
                    command_timeout=self._settings.timeout_s,
                    server_settings={"application_name": "rookery", "default_transaction_read_only": "on"},
                )
            return self._pool

    async def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None


class Sqlite:
    """A query to a file of SQLite, in a thread of its own."""

    def __init__(self, settings: LookupSettings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lookup")
        self._connection: sqlite3.Connection | None = None

    async def ask(self, key: str) -> str | Missing:
        """The first column of the first row. Raises Unavailable."""
        try:
            async with asyncio.timeout(2 * self._settings.timeout_s):  # its own time, and as much behind others
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._asked, key)
        except TimeoutError:
            raise Unavailable("A database does not answer.", log="lookup query: too slow") from None
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise Unavailable("A database does not answer.", log=f"lookup query: {error}") from None

    def _asked(self, key: str) -> str | Missing:
        if self._connection is None:
            path = self._settings.database.reveal().removeprefix("sqlite:")
            uri = f"file:{path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?mode=ro"
            self._connection = sqlite3.connect(
                uri, uri=True, timeout=self._settings.timeout_s, check_same_thread=False, isolation_level=None
            )
        ends = time.monotonic() + self._settings.timeout_s
        self._connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
        row = self._connection.execute(self._settings.query, (key,)).fetchone()
        return NOT_THERE if row is None else _said(row[0])

    async def close(self) -> None:
        """Close the file."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._connection is not None:
            self._connection.interrupt()
            self._connection = None


def _said(value: object) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

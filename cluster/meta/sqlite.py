"""The second embedded store: one table in SQLite, whose file any tool can read.

Slower to read than LMDB, as safe: write-ahead log, synced at every commit. The law: only the writer's thread
uses the writing connection, only the event loop's thread the reading ones.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from cluster.clock import Clock, Dice
from cluster.disk import free_bytes, make_directory, sync_directory
from cluster.errors import Corrupt, Misconfigured, StoreFull, Trouble, Unavailable
from cluster.meta.committer import Committer, land
from cluster.meta.engine import Broken
from cluster.meta.limits import KEYS_END, Page, page_of
from cluster.meta.optimistic import OptimisticStore
from cluster.meta.overlay import Overlay
from cluster.meta.validate import Changes

TRANSACTIONS_MAX: Final = 64  # each snapshot is a connection of some 100 kB
IDLE_MAX: Final = 8  # connections kept for the next snapshot
BUSY_S: Final = 5.0  # how long to wait for another process's write
FREE_BYTES_MIN: Final = 1_000_000  # with less left, an input or output error is a full disk
FORMAT: Final = b"rookery 1"  # the value of the key KEYS_END

_DATA: Final = "store.sqlite"
_GET: Final = "SELECT v FROM kv WHERE k = ?"
_RANGE: Final = "SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k LIMIT ?"
_REVERSE: Final = "SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k DESC LIMIT ?"


class _Reader:
    """Reads through one connection: of one moment if a transaction is open there."""

    def __init__(self, connection: sqlite3.Connection, data: Path) -> None:
        self._connection = connection
        self._data = data

    def get(self, key: bytes) -> bytes | None:
        try:
            row = self._connection.execute(_GET, (key,)).fetchone()
        except sqlite3.Error as error:
            raise trouble_of(error, self._data) from error
        return None if row is None else row[0]

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        try:
            with closing(self._connection.execute(_REVERSE if reverse else _RANGE, (begin, end, limit))) as rows:
                return page_of(rows, limit)
        except sqlite3.Error as error:
            raise trouble_of(error, self._data) from error


class _Snapshot(_Reader):
    """A connection with an open transaction; its first read fixes the moment."""

    def __init__(self, connection: sqlite3.Connection, data: Path, idle: list[sqlite3.Connection]) -> None:
        super().__init__(connection, data)
        self._idle = idle
        self._is_open = True
        connection.execute("BEGIN")

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._connection.rollback()
            if len(self._idle) < IDLE_MAX:
                self._idle.append(self._connection)
            else:
                self._connection.close()


class _Writing(_Reader):
    """The write transaction, in the writer's thread."""

    def apply(self, overlay: Overlay) -> None:
        run = self._connection.executemany
        run("DELETE FROM kv WHERE k >= ? AND k < ?", overlay.cleared)
        writes = sorted(overlay.writes.items())
        run("DELETE FROM kv WHERE k = ?", [(key,) for key, write in writes if write is None])
        run("INSERT OR REPLACE INTO kv VALUES (?, ?)", [row for row in writes if row[1] is not None])

    def commit(self) -> None:
        self._connection.commit()


class _SqliteEngine:
    def __init__(self, data: Path) -> None:
        self._data = data
        self._idle: list[sqlite3.Connection] = []
        self._reading = _connect(data)
        self._writing = _connect(data)
        self._reader = _Reader(self._reading, data)
        self._committer = Committer(self._land, "sqlite-writer")
        self.get = self._reader.get
        self.range = self._reader.range

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        with closing(self.snapshot()) as snapshot:
            return snapshot.get_many(keys)

    def snapshot(self) -> _Snapshot:
        try:
            connection = self._idle.pop() if self._idle else _connect(self._data)
            return _Snapshot(connection, self._data, self._idle)
        except sqlite3.Error as error:
            raise trouble_of(error, self._data) from error

    async def commit(self, changes: Changes) -> None:
        await self._committer.commit(changes)

    async def close(self) -> None:
        await self._committer.close()
        for connection in (*self._idle, self._reading, self._writing):
            connection.close()

    def _land(self, batch: Sequence[Changes]) -> list[bool]:
        """In the writer's thread."""
        try:
            self._writing.execute("BEGIN IMMEDIATE")
            try:
                return land(_Writing(self._writing, self._data), batch)
            finally:
                self._writing.rollback()  # of what was not committed
        except sqlite3.Error as error:
            raise trouble_of(error, self._data, writing=True) from error


class SqliteStore(OptimisticStore):
    """A store in SQLite. Command line tools may open the same directory beside a server."""

    @classmethod
    async def open(cls, directory: Path, *, clock: Clock | None = None, dice: Dice | None = None) -> "SqliteStore":
        """Open, or make, the store in `directory`. Raises Misconfigured, Corrupt, StoreFull."""
        data = directory / _DATA
        try:
            make_directory(directory)
            _prepare(data)
            sync_directory(directory)
        except OSError as error:
            raise Misconfigured(f"The store's directory cannot be used: {error}") from error
        except sqlite3.Error as error:
            raise _opening_trouble(error, data) from error
        return cls(_SqliteEngine(data), clock=clock, dice=dice, transactions_max=TRANSACTIONS_MAX)


def _connect(data: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(data, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _prepare(data: Path) -> None:
    if data.exists() and data.stat().st_size == 0:
        raise _damaged(data, "it is empty")
    with closing(_connect(data)) as connection:
        data.chmod(0o600)  # before there is a log beside it, which takes the same mode
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE IF NOT EXISTS kv (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID")
        connection.execute("INSERT INTO kv SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM kv)", (KEYS_END, FORMAT))
        connection.commit()
        found = connection.execute(_GET, (KEYS_END,)).fetchone()
    if found != (FORMAT,):
        raise Misconfigured(
            f"{data} holds format {found and found[0]!r} and this version reads {FORMAT!r}: run the version that "
            "wrote it, or name another directory."
        )


def _damaged(data: Path, how: str) -> Corrupt:
    return Corrupt(
        "The store is damaged.",
        log=f"{data} is damaged: {how}. Restore it from a backup, or move it away to begin with an empty store.",
    )


def _opening_trouble(error: sqlite3.Error, data: Path) -> Trouble:
    trouble = trouble_of(error, data)
    if isinstance(trouble, Corrupt | StoreFull):
        return trouble
    return Misconfigured(f"The store {data} cannot be opened: {error}")


def trouble_of(error: sqlite3.Error, data: Path, *, writing: bool = False) -> Trouble:
    """What an error of SQLite means to us."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary one
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(data, str(error))
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and free_bytes(data.parent) < FREE_BYTES_MIN):
        return StoreFull("The store's disk is full.", log=f"{data}: {error}")
    if writing and code not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Broken("The store has failed and takes no more changes until restarted.", log=f"{data}: {error}")
    return Unavailable("The store is busy.", log=f"{data}: {error}")

"""A store in PostgreSQL: one ordered table, reached over the network by any number of processes.

Bodies read from a REPEATABLE READ snapshot; a commit takes locks on the parts of the table it read and writes,
reads again what its bodies were told (READ COMMITTED: each statement sees all that was committed before it), and
writes in the same transaction. The law: the locks are taken first and held to the end, so what was found true
at the validation is true at the commit.

A connection that breaks during COMMIT leaves the outcome unknown: that is Unavailable, and bodies are idempotent.
After any error a connection is dropped and the next call makes another, so nobody has to mend anything.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import asyncpg

from cluster.clock import Clock, Dice
from cluster.errors import Unavailable
from cluster.meta.grouping import GroupCommit
from cluster.meta.limits import Page, page_of
from cluster.meta.overlay import Overlay
from cluster.meta.postgresql_connection import (
    CONNECT_S,
    ERRORS,
    arguments_of,
    check_promises,
    opening_trouble_of,
    prepare,
    trouble_of,
)
from cluster.meta.postgresql_locks import locks_of, statement_of
from cluster.meta.remote import Answers, RemoteStore, telling
from cluster.meta.settings import PostgresqlSettings
from cluster.meta.store import RANGE_BYTES_MAX
from cluster.meta.transacting import TRANSACTIONS_MAX
from cluster.meta.validate import Changes, resolve_adds, still_true

CLOSE_S: Final = 5.0  # for connections to end politely
PLAIN_ROWS_MAX: Final = 64  # so many rows of the largest size may be fetched and thrown away

_GET: Final = "SELECT v FROM kv WHERE k = $1"
_GET_MANY: Final = "SELECT k, v FROM kv WHERE k = ANY($1::bytea[])"
_PLAIN: Final = "SELECT k, v FROM kv WHERE k >= $1 AND k < $2 ORDER BY k {order} LIMIT $3"
# A page also ends after the row that passes RANGE_BYTES_MAX: the server must not send what is thrown away.
_BOUNDED: Final = (
    "SELECT k, v FROM (SELECT k, v, sum(octet_length(k) + octet_length(v)) OVER (ORDER BY k {order}"
    " ROWS UNBOUNDED PRECEDING) - octet_length(k) - octet_length(v) AS before_bytes"
    " FROM kv WHERE k >= $1 AND k < $2 ORDER BY k {order} LIMIT $3) AS page"
    " WHERE before_bytes <= {most}"
)
_RANGES: Final = {
    (bounded, reverse): statement.format(order="DESC" if reverse else "ASC", most=RANGE_BYTES_MAX)
    for bounded, statement in ((False, _PLAIN), (True, _BOUNDED))
    for reverse in (False, True)
}
_CLEAR: Final = "DELETE FROM kv USING unnest($1::bytea[], $2::bytea[]) AS gone(low, high) WHERE k >= low AND k < high"
_WRITE: Final = (
    "WITH gone AS (DELETE FROM kv WHERE k = ANY($1::bytea[]))"
    " INSERT INTO kv SELECT * FROM unnest($2::bytea[], $3::bytea[]) ON CONFLICT (k) DO UPDATE SET v = excluded.v"
)


class _Reader:
    """Reads through one connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        if len(keys) == 1:
            return [await self._connection.fetchval(_GET, keys[0])]
        found = dict(await self._connection.fetch(_GET_MANY, keys))
        return [found.get(key) for key in keys]

    async def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        statement = _RANGES[limit > PLAIN_ROWS_MAX, reverse]
        rows = await self._connection.fetch(statement, begin, end, limit)
        return page_of(map(tuple, rows), limit)


class _Connections:
    """The reading connections: bounded, made when needed, thrown away when broken."""

    def __init__(self, pool: Any, settings: PostgresqlSettings) -> None:
        self._pool = pool
        self._settings = settings

    async def take(self) -> Any:
        """One, to be given back. Raises Unavailable where none is free in time."""
        with _translated(self._settings):
            return await self._pool.acquire(timeout=CONNECT_S)

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[_Reader]:
        """One for as long as the block runs."""
        connection = await self.take()
        try:
            with _translated(self._settings):
                yield _Reader(connection)
        except Unavailable:  # it may be cut off in a way that it will notice only after minutes
            _drop(connection)
            raise
        finally:
            await self._pool.release(connection)

    async def put_back(self, connection: Any) -> None:
        """End its transaction and make it free again."""
        try:
            await connection.execute("ROLLBACK")
        except ERRORS:
            _drop(connection)
        finally:
            await self._pool.release(connection)

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._pool.close()
        except ERRORS:
            self._pool.terminate()


class _Snapshot:
    """A connection with an open transaction, whose first read fixes the moment."""

    def __init__(
        self, connections: _Connections, settings: PostgresqlSettings, ending: "set[asyncio.Task[None]]"
    ) -> None:
        self._connections = connections
        self._settings = settings
        self._ending = ending
        self._turn = asyncio.Lock()  # a connection answers one question at a time
        self._connection: Any = None
        self._closed = False

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        async with self._reading() as reader:
            return await reader.get_many(keys)

    async def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        async with self._reading() as reader:
            return await reader.range(begin, end, limit, reverse)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if self._connection is not None or self._turn.locked():
                task = asyncio.create_task(self._end())
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[_Reader]:
        async with self._turn:
            if self._closed:
                raise Unavailable("The transaction is over.")
            if self._connection is None:
                self._connection = await self._connections.take()
                with _translated(self._settings):
                    await self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            with _translated(self._settings):
                yield _Reader(self._connection)

    async def _end(self) -> None:
        async with self._turn:
            if self._connection is not None:
                await self._connections.put_back(self._connection)


class _PostgresqlEngine:
    def __init__(self, pool: Any, writer: Any, lock_class: int, settings: PostgresqlSettings) -> None:
        self._connections = _Connections(pool, settings)
        self._writer = writer  # None until the next batch when it broke
        self._lock_class = lock_class
        self._settings = settings
        self._ending: set[asyncio.Task[None]] = set()  # snapshots that are being let go
        self._group = GroupCommit(self._land)

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        async with self._connections.borrowed() as reader:
            return await reader.get_many(keys)

    async def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        async with self._connections.borrowed() as reader:
            return await reader.range(begin, end, limit, reverse)

    def snapshot(self) -> _Snapshot:
        return _Snapshot(self._connections, self._settings, self._ending)

    async def commit(self, changes: Changes) -> None:
        await self._group.commit(changes)

    async def close(self) -> None:
        await self._group.close()
        await asyncio.gather(*self._ending)
        await self._connections.close()
        if self._writer is not None:
            with _translated(self._settings):
                await self._writer.close(timeout=CLOSE_S)

    async def _land(self, batch: Sequence[Changes]) -> list[bool]:
        """Validate and apply in one transaction. What goes wrong costs the connection, and with it the transaction."""
        try:
            with _translated(self._settings):
                if self._writer is None or self._writer.is_closed():
                    self._writer = await _connect(self._settings)
                return await _land_with(self._writer, self._lock_class, batch)
        except BaseException:
            if self._writer is not None:
                self._writer.terminate()
                self._writer = None
            raise


async def _land_with(connection: Any, lock_class: int, batch: Sequence[Changes]) -> list[bool]:
    await connection.execute(f"BEGIN; {statement_of(locks_of(batch), lock_class)}")
    reader, answers = _Reader(connection), Answers()
    keys = list(dict.fromkeys(key for changes in batch for key in _keys_of(changes)))
    if keys:
        answers.values = dict(zip(keys, await reader.get_many(keys), strict=True))
    overlay, held = await telling(answers, reader.range, lambda: still_true(answers, batch))
    if overlay:
        resolve_adds(answers, overlay)
        await _apply(connection, overlay)
    await connection.execute("COMMIT")
    return held


def _keys_of(changes: Changes) -> Iterator[bytes]:
    """What has to be known of the newest state: what was read, and what is added to."""
    yield from changes.reads
    if changes.overlay.has_adds:
        yield from (key for key, write in changes.overlay.writes.items() if isinstance(write, int))


async def _apply(connection: Any, overlay: Overlay) -> None:
    if overlay.cleared:
        await connection.fetch(_CLEAR, *map(list, zip(*overlay.cleared, strict=True)))
    writes = sorted(overlay.writes.items())
    removed = [key for key, write in writes if write is None]
    rows = [row for row in writes if row[1] is not None]
    if writes:
        await connection.fetch(_WRITE, removed, [key for key, _ in rows], [value for _, value in rows])


@contextmanager
def _translated(settings: PostgresqlSettings) -> Iterator[None]:
    try:
        yield
    except ERRORS as error:
        raise trouble_of(error, settings) from error


async def _connect(settings: PostgresqlSettings) -> Any:
    connection = await asyncpg.connect(**arguments_of(settings))
    try:
        await check_promises(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


def _drop(connection: Any) -> None:
    """Close without a word; the pool may have noticed by itself that it broke, and taken it back."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


async def _as_it_is(connection: Any) -> None:
    """Instead of asyncpg's reset at every return: a question to the server that we have no need of."""


class PostgresqlStore(RemoteStore):
    """A store in PostgreSQL. Any number of processes may open the same one."""

    @classmethod
    async def open(
        cls,
        settings: PostgresqlSettings,
        *,
        clock: Clock | None = None,
        dice: Dice | None = None,
        transactions_max: int = TRANSACTIONS_MAX,
    ) -> "PostgresqlStore":
        """Open, or make, the store. Raises Misconfigured, Unavailable, StoreFull."""
        try:
            writer = await _connect(settings)
            try:
                lock_class = await prepare(writer, settings)
                pool = asyncpg.create_pool(
                    min_size=0,
                    max_size=settings.connections_max,
                    init=check_promises,
                    reset=_as_it_is,
                    **arguments_of(settings),
                )
                await pool
            except BaseException:
                writer.terminate()
                raise
        except ERRORS as error:
            raise opening_trouble_of(error, settings) from error
        engine = _PostgresqlEngine(pool, writer, lock_class, settings)
        return cls(engine, clock=clock, dice=dice, transactions_max=transactions_max)

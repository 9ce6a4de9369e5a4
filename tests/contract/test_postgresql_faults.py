"""PostgreSQL that goes away, comes back, hangs, is full or not to be trusted: a clear error, nothing acknowledged
lost, and all well again without anybody's help."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from msgspec import structs

from cluster.errors import Corrupt, Misconfigured, StoreFull, Trouble, Unavailable
from cluster.meta.postgresql import PostgresqlStore
from cluster.meta.settings import PostgresqlSettings
from cluster.meta.store import Store, Transaction
from tests.contract.asking import everything, put
from tests.postgresql import PART, Server

pytestmark = pytest.mark.part(PART)

BACK_S = 20.0  # a server that was killed reads its log first


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.remove()


@pytest.fixture
def settings(server: Server, request: pytest.FixtureRequest) -> PostgresqlSettings:
    return server.settings(f"t_{abs(hash(request.node.name)):x}")


@pytest.fixture
async def store(settings: PostgresqlSettings) -> AsyncIterator[Store]:
    opened = await PostgresqlStore.open(settings)
    yield opened
    await opened.close()


class Load:
    """Writers and readers that go on whatever happens, and remember what they were told."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.acknowledged: list[bytes] = []
        self.troubles: list[Trouble] = []
        self._stopping = False
        self._tasks = [asyncio.create_task(self._write(worker)) for worker in range(8)]
        self._tasks += [asyncio.create_task(self._read()) for _ in range(4)]

    async def progress(self, rows: int) -> None:
        """Wait until so many more were acknowledged."""
        goal = len(self.acknowledged) + rows
        async with asyncio.timeout(BACK_S):
            while len(self.acknowledged) < goal:
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def _write(self, worker: int) -> None:
        n = 0
        while not self._stopping:
            n += 1
            key = b"%d/%06d" % (worker, n)

            async def body(transaction: Transaction, key: bytes = key) -> None:
                before = await transaction.get(b"last/" + key[:1])
                transaction.set(b"last/" + key[:1], key)
                transaction.set(key, before or b"first")

            try:
                await self._store.transact(body)
                self.acknowledged.append(key)
            except Trouble as trouble:
                self.troubles.append(trouble)
                await asyncio.sleep(0.02)

    async def _read(self) -> None:
        while not self._stopping:
            try:
                await self._store.range(b"0", b"9", limit=50)
            except Trouble as trouble:
                self.troubles.append(trouble)
            await asyncio.sleep(0.01)


@pytest.mark.kill
@pytest.mark.parametrize("how", ["restarted", "killed"])
async def test_a_server_that_goes_under_load_and_comes_back(server: Server, store: Store, how: str) -> None:
    load = Load(store)
    await load.progress(50)
    if how == "restarted":
        await asyncio.to_thread(server.stop)
    else:
        await asyncio.to_thread(server.kill)
    await asyncio.sleep(0.2)
    server.start()
    await load.progress(50)
    await load.stop()
    assert load.troubles
    assert {type(trouble) for trouble in load.troubles} == {Unavailable}
    assert None not in await store.get_many(load.acknowledged)
    for worker in range(8):  # each row names the one before it: none is missing in the chain
        rows = dict(await store.range(b"%d/" % worker, b"%d0" % worker, limit=10_000))
        key = await store.get(b"last/%d" % worker)
        while key != b"first":
            assert key is not None
            key = rows.pop(key)
        assert not rows


async def test_a_server_that_hangs_is_unavailable_in_time_and_well_again(server: Server, store: Store) -> None:
    await put(store, (b"a", b"1"))
    server.signal_all(signal.SIGSTOP)
    try:
        async with asyncio.timeout(15):
            with pytest.raises(Unavailable):
                await store.get(b"a")
            with pytest.raises(Unavailable):
                await put(store, (b"a", b"2"))
    finally:
        server.signal_all(signal.SIGCONT)
    await put(store, (b"a", b"3"))
    assert await store.get(b"a") == b"3"


async def test_a_client_that_stops_in_its_commit_does_not_hold_the_others(
    server: Server, settings: PostgresqlSettings, store: Store
) -> None:
    """Its locks end with its transaction, which the server ends."""
    other = await asyncpg.connect(host=settings.host, user="rookery", database="postgres")
    await other.execute("SET idle_in_transaction_session_timeout = '1s'")
    oid = await other.fetchval("SELECT $1::regclass::oid::bigint", f"{settings.schema}.kv")
    await other.execute(f"BEGIN; SELECT pg_advisory_xact_lock({oid}, -1)")
    await put(store, (b"a", b"1"))
    assert await store.get(b"a") == b"1"
    await other.close()


async def test_no_server_is_told_at_the_start(tmp_path: Path) -> None:
    nobody = PostgresqlSettings(host=str(tmp_path))
    with pytest.raises(Unavailable, match=rf"{tmp_path}.*cannot be reached"):
        await PostgresqlStore.open(nobody)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1.*cannot be reached"):
        await PostgresqlStore.open(PostgresqlSettings(host="127.0.0.1", port=1))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"database": "absent"}, 'database "absent" does not exist'),
        ({"user": "nobody"}, 'role "nobody" does not exist'),
        ({"tls": "verify", "authority": "/absent.pem"}, "authority /absent.pem .* cannot be read"),
        ({"schema": "pg_mine"}, "pg_mine"),
    ],
    ids=["database", "user", "authority", "schema"],
)
async def test_what_the_operator_must_mend_is_misconfigured(
    settings: PostgresqlSettings, change: dict[str, str], says: str
) -> None:
    with pytest.raises(Misconfigured, match=says):
        await PostgresqlStore.open(structs.replace(settings, **change))


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit"])
async def test_a_server_that_would_lose_what_it_acknowledged_is_refused(
    server: Server, settings: PostgresqlSettings, setting: str
) -> None:
    await asyncio.to_thread(server.stop)
    server.start(f"{setting}=off")
    try:
        with pytest.raises(Misconfigured, match=f"{setting} = off"):
            await PostgresqlStore.open(settings)
    finally:
        await asyncio.to_thread(server.stop)
        server.start()


async def test_an_unknown_format_is_refused(settings: PostgresqlSettings) -> None:
    await (await PostgresqlStore.open(settings)).close()
    await run_sql(settings, f"UPDATE {settings.schema}.kv SET v = 'rookery 9'")
    with pytest.raises(Misconfigured, match=r"rookery 9.*rookery 1.*run the version that wrote it"):
        await PostgresqlStore.open(settings)


@pytest.fixture
def small_disk(server: Server) -> Iterator[Path]:
    """A file system of 4 MB for one table."""
    directory = server.folder / "small"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=777", "tmpfs", directory], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted as root")
    subprocess.run(["chown", "postgres:", directory], check=True)
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)


async def test_a_full_disk_is_told_and_the_small_are_not_hurt_by_the_large(
    settings: PostgresqlSettings, store: Store, small_disk: Path
) -> None:
    await run_sql(settings, f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    await run_sql(settings, f"ALTER TABLE {settings.schema}.kv SET TABLESPACE small")
    commits = [put(store, (b"small%d" % n, b"v")) for n in range(10)]
    commits.insert(5, put(store, *[(b"large%d" % n, bytes([n]) * 100_000) for n in range(60)]))
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [StoreFull]
    assert [key for key, _ in await everything(store)] == [b"small%d" % n for n in range(10)]
    await run_sql(settings, f"DROP TABLE {settings.schema}.kv")  # the disk goes away with this test
    await run_sql(settings, "DROP TABLESPACE small")


async def test_a_table_that_is_damaged_is_corrupt(server: Server, settings: PostgresqlSettings, store: Store) -> None:
    path = await run_sql(settings, f"SELECT pg_relation_filepath('{settings.schema}.kv')")
    await put(store, *[(b"%03d" % n, b"v" * 500) for n in range(100)])
    await store.close()
    await asyncio.to_thread(server.stop)
    file = Path(settings.host) / "data" / str(path)
    assert file.stat().st_size > 8192
    with file.open("r+b") as handle:
        handle.write(b"Dear diary, " * 3000)
    server.start()
    with pytest.raises(Corrupt, match="invalid page"):
        await PostgresqlStore.open(settings)


async def run_sql(settings: PostgresqlSettings, statement: str) -> object:
    connection = await asyncpg.connect(host=settings.host, user="rookery", database="postgres")
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()

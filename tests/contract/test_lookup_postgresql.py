"""Lookups in a real PostgreSQL: the key is a parameter, nothing is written, what takes too long ends."""

import asyncpg
import pytest

from cluster.config import Secret
from cluster.errors import Unavailable
from cluster.lookup.settings import LookupSettings
from cluster.lookup.sql import Postgresql
from cluster.rules.facts import NOT_THERE
from tests import postgresql

pytestmark = pytest.mark.part(postgresql.PART)


def source(query: str, timeout_s: float = 5.0) -> Postgresql:
    url = f"postgresql://rookery@/postgres?host={postgresql.shared_folder()}"
    return Postgresql(LookupSettings(kind="sql", database=Secret(url), query=query, timeout_s=timeout_s))


@pytest.fixture
async def table() -> str:
    connection = await asyncpg.connect(host=str(postgresql.shared_folder()), user="rookery", database="postgres")
    await connection.execute("DROP TABLE IF EXISTS routes; CREATE TABLE routes (k text, v text)")
    rows = [("a", "x"), ("n", None), ("'; DROP TABLE routes; --", "safe")]
    await connection.executemany("INSERT INTO routes VALUES ($1, $2)", rows)
    await connection.close()
    return "routes"


async def test_the_first_column_of_the_first_row(table: str) -> None:
    one = source(f"SELECT v FROM {table} WHERE k = $1")
    assert [await one.ask(key) for key in ("a", "n", "'; DROP TABLE routes; --", "no")] == ["x", "", "safe", NOT_THERE]
    await one.close()


@pytest.mark.parametrize(
    "query",
    [
        "WITH x AS (INSERT INTO routes VALUES ($1, 'new') RETURNING v) SELECT v FROM x",
        "SELECT v FROM nothing WHERE k = $1",
        "SELECT v FROM routes",
        "SELECT pg_sleep(60)::text || $1",
    ],
)
async def test_what_cannot_be_asked_is_trouble(table: str, query: str) -> None:
    one = source(query, timeout_s=1.0)
    with pytest.raises(Unavailable) as caught:
        await one.ask("a")
    assert "rookery@" not in caught.value.log
    await one.close()


async def test_a_server_that_is_not_there_is_trouble() -> None:
    settings = LookupSettings(
        kind="sql", database=Secret("postgresql://u:hunter2@127.0.0.1:1/x"), query="SELECT $1", timeout_s=1.0
    )
    one = Postgresql(settings)
    with pytest.raises(Unavailable) as caught:
        await one.ask("a")
    assert "hunter2" not in caught.value.log
    await one.close()

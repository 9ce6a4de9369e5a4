"""Lookups in SQLite: the key is a parameter, the file is only read, what takes too long ends."""

import sqlite3
import threading
from pathlib import Path

import pytest

from cluster.config import Secret
from cluster.errors import Unavailable
from cluster.lookup.settings import LookupSettings
from cluster.lookup.sql import Sqlite
from cluster.rules.facts import NOT_THERE, Missing


def settings(path: Path, query: str, timeout_s: float = 5.0) -> LookupSettings:
    return LookupSettings(kind="sql", database=Secret(f"sqlite:{path}"), query=query, timeout_s=timeout_s)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "some #1?.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (k TEXT PRIMARY KEY, v)")
        rows = [("a", "x"), ("n", None), ("i", 7), ("b", b"\xff"), ("'; DROP TABLE t; --", "safe")]
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    connection.close()
    return path


async def test_the_first_column_of_the_first_row(path: Path) -> None:
    source = Sqlite(settings(path, "SELECT v FROM t WHERE k = ?"))
    found = [await source.ask(key) for key in ("a", "n", "i", "b", "'; DROP TABLE t; --", "no")]
    assert found == ["x", "", "7", "\ufffd", "safe", NOT_THERE]
    await source.close()


async def test_nothing_is_written(path: Path) -> None:
    source = Sqlite(settings(path, "WITH x AS (SELECT ? AS k) INSERT INTO t SELECT k, 1 FROM x"))
    with pytest.raises(Unavailable) as caught:
        await source.ask("new")
    assert "readonly" in caught.value.log
    await source.close()


@pytest.mark.parametrize(
    "query", ["SELECT v FROM nothing WHERE k = ?", "SELECT v FROM t", "SELECT v FROM t WHERE k = ? AND v = ?"]
)
async def test_a_wrong_query_is_trouble(path: Path, query: str) -> None:
    source = Sqlite(settings(path, query))
    with pytest.raises(Unavailable):
        await source.ask("a")
    await source.close()


async def test_who_waits_behind_a_slow_question_gives_up_in_time(path: Path) -> None:
    class Stuck(Sqlite):
        def _asked(self, key: str) -> str | Missing:
            asked.append(key)
            going_on.wait(30)
            return "late"

    asked: list[str] = []
    going_on = threading.Event()
    source = Stuck(settings(path, "SELECT v FROM t WHERE k = ?", timeout_s=0.01))
    for key in ("slow", "waits"):
        with pytest.raises(Unavailable):
            await source.ask(key)
    assert asked == ["slow"]
    going_on.set()
    await source.close()


async def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    source = Sqlite(settings(tmp_path / "no.db", "SELECT v FROM t WHERE k = ?"))
    with pytest.raises(Unavailable):
        await source.ask("a")
    assert not (tmp_path / "no.db").exists()
    await source.close()


async def test_what_takes_too_long_ends(path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    source = Sqlite(settings(path, endless, timeout_s=0.01))
    with pytest.raises(Unavailable, match="interrupted"):
        await source.ask("1")
    await source.close()


async def test_a_key_with_half_a_character_is_trouble_or_not_there(path: Path) -> None:
    source = Sqlite(settings(path, "SELECT v FROM t WHERE k = ?"))
    with pytest.raises(Unavailable):
        await source.ask("\udc80")
    await source.close()

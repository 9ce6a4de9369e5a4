"""All lookups by name: read at the start, read again, and what answers when one fails."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from cluster.config import Secret, load
from cluster.errors import Misconfigured, Unavailable
from cluster.lookup.lookups import Lookups, check_named
from cluster.lookup.rows import Rows
from cluster.lookup.settings import LookupSettings
from cluster.meta.memory import MemoryStore
from cluster.rules.facts import NOT_THERE, TO_ASK, Failed
from ops.settings import Settings
from tests.virtual import LoopClock, run


def made(store: MemoryStore | None = None, **settings: LookupSettings) -> Lookups:
    return Lookups(settings, store, LoopClock(), CollectorRegistry())


def one(kind: Any, **settings: Any) -> LookupSettings:
    return LookupSettings(kind=kind, **settings)


async def test_inline_lists_and_maps_answer_at_once() -> None:
    lookups = made(mine=one("inline", entries=("a", "*.org"), values={"B": "1"}))
    await lookups.start()
    assert [lookups.find("mine", key) for key in ("A", "x.org", "b", "c")] == ["", "", "1", NOT_THERE]
    assert await lookups.ask("mine", "b") == "1"
    with pytest.raises(Failed, match="there is no lookup other"):
        lookups.find("other", "a")
    await lookups.close()


async def test_a_file_that_is_not_there_stops_the_start_unless_it_has_a_fallback(tmp_path: Path) -> None:
    missing = str(tmp_path / "no")
    with pytest.raises(Misconfigured, match="check the path"):
        await made(mine=one("file", path=missing)).start()
    lookups = made(mine=one("file", path=missing, fallback="other"), other=one("inline", values={"a": "x"}))
    await lookups.start()
    assert (lookups.find("mine", "a"), await lookups.ask("mine", "a")) == ("x", "x")
    await lookups.close()


async def test_a_list_that_cannot_be_fetched_fails_what_rests_on_it() -> None:
    lookups = made(mine=one("http", url="http://127.0.0.1:1/"))
    await lookups.start()
    with pytest.raises(Failed, match="could not be read yet"):
        lookups.find("mine", "a")
    await lookups.close()


async def test_rows_of_the_store_are_asked_then_known() -> None:
    store = MemoryStore()
    lookups = made(store, mine=one("store"))
    await Rows(store).set("mine", "a", "x")
    assert lookups.find("mine", "a") is TO_ASK
    assert await lookups.ask("mine", "a") == "x"
    assert lookups.find("mine", "a") == "x"
    await lookups.close()


async def test_a_database_that_fails_has_its_fallback(tmp_path: Path) -> None:
    broken: dict[str, Any] = {
        "database": Secret(f"sqlite:{tmp_path / 'no.db'}"),
        "query": "SELECT v FROM t WHERE k = ?",
    }
    lookups = made(
        alone=one("sql", **broken), mine=one("sql", **broken, fallback="other"), other=one("inline", entries=("a",))
    )
    await lookups.start()
    assert await lookups.ask("mine", "a") == ""
    with pytest.raises(Unavailable):
        await lookups.ask("alone", "a")
    await lookups.close()


async def test_a_defect_of_a_driver_is_trouble_of_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    from cluster.lookup import lookups as module

    class Broken:
        def __init__(self, *_given: Any) -> None:
            pass

        async def ask(self, key: str) -> str:
            raise ZeroDivisionError(f"secret {key}")

        async def close(self) -> None:
            pass

    monkeypatch.setattr(module, "Sqlite", Broken)
    lookups = made(mine=one("sql", database=Secret("sqlite:x"), query="SELECT ?"))
    with pytest.raises(Unavailable) as caught:
        await lookups.ask("mine", "a")
    assert caught.value.log == "ZeroDivisionError"
    await lookups.close()


class Changing:
    """A source that says what it is told to."""

    every_s = 100.0

    def __init__(self) -> None:
        self.tries = 0

    async def close(self) -> None:
        pass


def test_what_was_read_is_kept_when_reading_fails_and_failures_are_tried_sooner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import asyncio

    from cluster.lookup import lookups as module
    from cluster.lookup.table import Table

    moments: list[float] = []

    class Source(Changing):
        def __init__(self, _settings: LookupSettings) -> None:
            super().__init__()

        async def read(self) -> Table | None:
            moments.append(asyncio.get_running_loop().time())
            self.tries += 1
            if self.tries in (2, 3):
                raise Unavailable("No.", log="away")
            return Table([("a", str(self.tries))])

    monkeypatch.setattr(module, "_WHOLE", {"http": Source})

    async def scene() -> None:
        lookups = made(mine=one("http", url="http://x/"))
        await lookups.start()
        seen = []
        for at_s in (50, 110, 140, 170, 280):
            await asyncio.sleep(at_s - asyncio.get_running_loop().time())
            seen.append(lookups.find("mine", "a"))
        assert seen == ["1", "1", "1", "4", "5"]
        assert moments == pytest.approx([0, 100, 130, 160, 260])
        await lookups.close()

    run(scene())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[lookup.a]\nkind = "file"', "lookup.a: a lookup of kind file needs path."),
        ('[lookup.a]\nkind = "http"\nurl = "ftp://x"', "lookup.a: url must begin with https:// or http://."),
        ('[lookup.a]\nkind = "sql"\ndatabase = "mysql://hunter2@x"',
         "lookup.a: database must begin with postgresql:// or sqlite:."),
        ('[lookup.a]\nkind = "sql"\ndatabase = "sqlite:x"\nquery = "DELETE"',
         "lookup.a: query must be a SELECT with the key as its parameter."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_settings_is_told(text: str, says: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(Settings, text, {}, name="r.toml")
    assert caught.value.says == f"r.toml: {says}"


def test_names_and_fallbacks_must_be_there() -> None:
    with pytest.raises(Misconfigured, match=r"lookup\.a\.fallback: there is no lookup b"):
        made(a=one("inline", fallback="b"))
    with pytest.raises(Misconfigured, match="it leads back to a"):
        made(a=one("inline", fallback="b"), b=one("inline", fallback="a"))
    with pytest.raises(Misconfigured, match=r"smtp\.x: there is no lookup c; there are a"):
        check_named([("smtp.x", {"c"})], {"a": one("inline")})
    check_named([("smtp.x", {"a"})], {"a": one("inline")})

"""Lookups in the server's own store: edited, asked, listed."""

import pytest

from cluster.errors import Refused
from cluster.lookup.rows import Rows, StoreRows
from cluster.lookup.settings import LookupSettings
from cluster.meta.memory import MemoryStore
from cluster.rules.facts import NOT_THERE


async def test_rows_are_written_read_listed_and_removed() -> None:
    rows = Rows(MemoryStore())
    for key, value in (("b", "2"), ("a", "1"), ("é", "")):
        await rows.set("mine", key, value)
    await rows.set("mine2", "z", "other")
    assert await rows.get("mine", "a") == "1"
    assert await rows.page("mine") == [("a", "1"), ("b", "2"), ("é", "")]
    assert await rows.page("mine", after="a", limit=1) == [("b", "2")]
    assert (await rows.remove("mine", "a"), await rows.remove("mine", "a")) == (True, False)
    assert await rows.get("mine", "a") is None


async def test_what_cannot_be_a_key_is_refused_to_write_and_not_there_to_read() -> None:
    rows = Rows(MemoryStore())
    for name, key in (("", "a"), ("x\0", "a"), ("n" * 101, "a"), ("n", ""), ("n", "k" * 401)):
        with pytest.raises(Refused):
            await rows.set(name, key)
        assert await rows.get(name, key) is None
    with pytest.raises(Refused):
        await rows.set("n", "k", "v" * 5000)
    await rows.set("n", "\udc80", "v")
    assert await rows.page("n") == [("?", "v")]


async def test_as_a_source_the_case_of_a_key_does_not_count() -> None:
    store = MemoryStore()
    source = StoreRows(store, "mine", LookupSettings(kind="store"))
    await Rows(store).set("mine", "a@b.org", "x")
    assert (await source.ask("A@b.org"), await source.ask("c@b.org")) == ("x", NOT_THERE)

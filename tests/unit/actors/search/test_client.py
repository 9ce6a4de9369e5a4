"""actors/search/client.py and index.py: what a gateway holds is never wrong, and read once."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from actors.mailbox.cache import Cache
from actors.search import keys
from actors.search.brief import brief_of, columns_of
from actors.search.client import SearchClient
from actors.search.settings import SearchSettings
from actors.search.state import FAN, TIER_MESSAGES
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction
from mail.message.record import read_message
from tests.unit.actors.search import making
from tests.unit.actors.search.conftest import ACCOUNT, NEEDLES, SLOT, Town, keep_up


async def _indexed(town: Town, count: int) -> Any:
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    for start in range(0, count, TIER_MESSAGES):
        await town.deliver(min(TIER_MESSAGES, count - start))
        await keep_up(indexer)
    return indexer


async def test_what_has_not_changed_is_not_read_again(town: Town) -> None:
    indexer = await _indexed(town, TIER_MESSAGES + 3)
    first = await town.search.index_of(ACCOUNT)
    assert await town.search.index_of(ACCOUNT) is first
    await town.deliver(2)
    await keep_up(indexer)
    second = await town.search.index_of(ACCOUNT)
    assert second is not first
    assert second.parts == first.parts, "the segments it had are those it has"
    assert second.recent.entries[:3] == first.recent.entries
    assert second.watermark == len(town.raws)


async def test_an_index_that_was_merged_away_is_still_right(town: Town) -> None:
    indexer = await _indexed(town, TIER_MESSAGES * (FAN - 1))
    old = await town.search.index_of(ACCOUNT)
    await town.deliver(TIER_MESSAGES)
    await keep_up(indexer)
    assert len((await town.state()).segments) == 1
    town.search._pages = Cache(0)
    for part in old.parts:
        part.pages._cache = None  # type: ignore[attr-defined]
    for field in ("text", "subject"):
        for needle in NEEDLES:
            found = await old.lookup(field, needle)
            exact = making.exact(field, needle, town.raws) & set(old.emails.tolist())
            assert set(found.sure.tolist()) <= exact <= set(found.sure.tolist()) | set(found.maybe.tolist())
    known, columns = await old.briefs(old.emails)
    assert not known.any()
    assert len(columns) == 0
    scores = await old.fuzzy("text", "invoice")
    assert len(scores.emails) == 0
    assert making.exact("text", "invoice", town.raws) & set(old.emails.tolist()) <= set(scores.maybe.tolist())


async def test_briefs_are_those_of_the_records(town: Town) -> None:
    await _indexed(town, TIER_MESSAGES * 2 + 5)
    await town.deliver(3)
    index = await town.search.index_of(ACCOUNT)
    emails = np.array([2, 5, 64, 65, 130, TIER_MESSAGES * 2 + 5, len(town.raws), 10_000])
    known, columns = await index.briefs(emails)
    assert known.tolist() == [True] * 6 + [False] * 2
    expected = columns_of([brief_of(read_message(town.raws[email - 1])) for email in emails[:6]])
    assert [text.rows() for text in columns.texts] == [text.rows() for text in expected.texts]
    assert [column.tolist() for column in columns.numbers] == [column.tolist() for column in expected.numbers]
    assert columns.parents_of() == expected.parents_of()
    assert index.covers(emails).tolist() == known.tolist()
    assert index.covers(np.empty(0, np.int64)).tolist() == []


async def test_a_wish_is_written_once() -> None:
    class Counting(MemoryStore):
        writes = 0

        async def transact(self, body: Any) -> Any:
            self.writes += 1
            return await super().transact(body)

    store = Counting()
    town = Town(store)
    await town.deliver(1)
    store.writes = 0
    await town.search.want(ACCOUNT)
    await town.search.want(ACCOUNT)
    await Town(store).search.want(ACCOUNT)
    assert store.writes == 1
    await keep_up(town.indexer())
    store.writes = 0
    await SearchClient(store, town.place.clock).want(ACCOUNT)
    assert store.writes == 0
    await town.place.shards[0].stop()


async def test_the_cache_is_bounded(town: Town) -> None:
    await _indexed(town, TIER_MESSAGES * 3)
    town.search = SearchClient(town.store, town.place.clock, SearchSettings(cache_bytes=1_000_000))
    await town.check(covered=len(town.raws))
    assert 0 < town.search._pages._weight <= 750_000
    assert 0 < town.search._indexes._weight <= 250_000


async def test_rows_that_are_lost_while_it_loads_are_looked_for_in_the_next_state(town: Town) -> None:
    indexer = await _indexed(town, TIER_MESSAGES * FAN - 1)
    await town.deliver(1)
    store = town.store
    merged: list[bool] = []

    class Late:
        """Lets the merge happen between the state and the segments."""

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        async def get_many(self, names: Sequence[bytes]) -> list[bytes | None]:
            if not merged and any(name[1:2] == b"D" for name in names):
                merged.append(True)
                await keep_up(indexer)
            return await store.get_many(names)

    client = SearchClient(Late(), town.place.clock)
    index = await client.index_of(ACCOUNT)
    assert merged
    assert len(index.emails) == TIER_MESSAGES * FAN


async def test_status_of_a_damaged_state(town: Town) -> None:
    async def body(tr: Transaction) -> None:
        tr.set(keys.state(SLOT, ACCOUNT), b"spoilt")

    await town.store.transact(body)
    status = await town.search.status(ACCOUNT)
    assert (status.wanted, status.rebuilding) == (True, True)
    await town.deliver(2)
    await keep_up(town.indexer())
    await town.check(covered=2)

"""actors/search/indexer.py: indexes follow the mail, whatever happens in between."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from actors.search import keys
from actors.search import state as states
from actors.search.indexer import GONE_MS
from actors.search.keeping import LEFT_MS, Kept, Stale
from actors.search.pace import Pace
from actors.search.segment import Writer
from actors.search.settings import SearchSettings
from actors.search.state import FAN, TIER_MESSAGES
from cluster.errors import Unavailable
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Store, Transaction
from tests.unit.actors.search.conftest import ACCOUNT, SLOT, Town, keep_up


async def test_nothing_is_indexed_that_nobody_wants(town: Town) -> None:
    await town.deliver(5)
    indexer = town.indexer()
    indexer.hint(ACCOUNT)
    await indexer.look([SLOT])
    assert await town.rows() == []
    await town.check(covered=0)


async def test_an_index_covers_what_was_there_when_it_was_wanted(town: Town) -> None:
    await town.deliver(5)
    await town.search.want(ACCOUNT)
    await town.check(covered=0)
    await keep_up(town.indexer())
    index = await town.check(covered=5)
    assert index.watermark == 5
    assert await town.store.get(keys.wanted(SLOT, ACCOUNT)) is None


async def test_new_mail_is_the_tail_until_it_is_indexed(town: Town) -> None:
    await town.search.want(ACCOUNT)
    await town.deliver(3)
    indexer = town.indexer()
    await keep_up(indexer)
    await town.deliver(4)
    index = await town.check(covered=3)
    assert index.covers(index.emails).all()
    await keep_up(indexer)
    await town.check(covered=7)
    assert (await town.state()).entries == 7


async def test_entries_become_segments_and_segments_larger_ones(town: Town) -> None:
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    for _ in range(FAN + 1):
        await town.deliver(TIER_MESSAGES)
        await keep_up(indexer)
        await town.check(covered=len(town.raws))
    state = await town.state()
    assert [piece.messages for piece in state.segments] == [FAN * TIER_MESSAGES, TIER_MESSAGES]
    assert state.entries == 0
    assert len({key[11:19] for key in await town.rows() if key[1:2] == b"D"}) == 2, "the rows of two segments"


async def test_a_hint_is_enough_to_follow(town: Town) -> None:
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    await keep_up(indexer)
    await town.deliver(2)
    await indexer.look([SLOT])
    assert not await _due(indexer)
    indexer.hint(ACCOUNT)
    await indexer.look([SLOT])
    assert await _due(indexer)


async def test_what_nobody_told_of_is_found_by_the_sweep(town: Town) -> None:
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    await keep_up(indexer)
    await town.deliver(2)
    town.place.clock.advance(town.settings.sweep_every_s + 1)
    await indexer.look([SLOT])
    assert await _due(indexer)


async def test_another_process_finds_what_is_to_be_done_in_its_slots(town: Town) -> None:
    await town.search.want(ACCOUNT)
    await keep_up(town.indexer())
    await town.deliver(2)
    later = town.indexer()
    await later.look([slot for slot in range(10) if slot != SLOT])
    assert not await _due(later)
    await later.look([SLOT])
    assert await _due(later)
    await later.look([])
    town.place.clock.advance(town.settings.sweep_every_s + 1)
    later.hint(ACCOUNT)
    await later.look([])
    assert ACCOUNT not in later._known, "it is another's now"


async def _due(indexer: Any) -> bool:
    due = ACCOUNT in indexer.due
    indexer.due.clear()
    return due


async def test_a_rebuilt_index_is_made_of_the_messages_alone(town: Town) -> None:
    await town.deliver(80)
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    await keep_up(indexer)
    before = await town.rows()
    await _spoil(town, before)
    await town.search.rebuild(ACCOUNT)
    assert (await town.search.status(ACCOUNT)).rebuilding
    await keep_up(indexer)
    await town.check(covered=80)
    status = await town.search.status(ACCOUNT)
    assert (status.rebuilding, status.watermark, status.newest, status.messages) == (False, 80, 80, 80)
    assert not set(before) & set(await town.rows()) - {keys.state(SLOT, ACCOUNT)}


async def _spoil(town: Town, names: Sequence[bytes]) -> None:
    async def body(tr: Transaction) -> None:
        for name in names:
            tr.set(name, b"spoilt")

    await town.store.transact(body)


async def test_a_damaged_index_is_none_and_does_not_stop_others(town: Town) -> None:
    await town.deliver(80)
    await town.search.want(ACCOUNT)
    await keep_up(town.indexer())
    state = await town.state()
    piece = state.segments[0]
    for kind in (b"T", b"L", b"P", b"B", b"F"):
        row = keys.row(SLOT, ACCOUNT, piece.id, kind, 0)
        assert await town.store.get(row) is not None
        await _spoil(town, [row])
    fresh = Town(town.store)
    fresh.raws = town.raws
    index = await fresh.check(covered=80)
    known, _columns = await index.briefs(index.emails)
    assert not known.any()
    await _spoil(town, [keys.row(SLOT, ACCOUNT, piece.id, b"H", 0)])
    await Town(town.store).check(covered=0)


@pytest.mark.parametrize("kind", [b"H", b"T", b"L", b"P", b"B", b"F"])
@pytest.mark.parametrize("spoilt", [True, False])
async def test_damage_that_a_merge_meets_is_mended(kind: bytes, spoilt: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "TIER_MESSAGES", 6)
    monkeypatch.setattr(states, "FAN", 3)
    town = Town(MemoryStore())
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    for _ in range(2):
        await town.deliver(6)
        await keep_up(indexer)
    row = keys.row(SLOT, ACCOUNT, (await town.state()).segments[1].id, kind, 0)
    if spoilt:
        await _spoil(town, [row])
    else:
        await town.store.transact(lambda tr: _clear(tr, row))
    await town.deliver(6)
    await keep_up(indexer)
    await keep_up(indexer)
    await town.check(covered=len(town.raws))
    await _check_nothing_is_left(town)
    await town.place.shards[0].stop()


async def _clear(tr: Transaction, row: bytes) -> None:
    tr.clear(row)


async def test_damaged_entries_are_mended(town: Town) -> None:
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    await town.deliver(5)
    await keep_up(indexer)
    await _spoil(town, [keys.recent(SLOT, ACCOUNT, 3)])
    await town.deliver(TIER_MESSAGES)
    await keep_up(indexer)
    await keep_up(indexer)
    await town.check(covered=len(town.raws))


async def test_what_is_gone_leaves_the_index(town: Town) -> None:
    await town.deliver(TIER_MESSAGES * 2)
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    await keep_up(indexer)
    await town.expunge(1, 40)
    await keep_up(indexer)
    assert (await town.state()).messages == TIER_MESSAGES * 2, "not before its time"
    town.place.clock.advance(town.settings.clean_every_s + 1)
    await keep_up(indexer)
    assert (await town.state()).messages == TIER_MESSAGES * 2 - 40
    await town.check(covered=TIER_MESSAGES * 2 - 40)


async def test_the_words_of_gone_mail_do_not_stay_for_ever(town: Town) -> None:
    await town.deliver(TIER_MESSAGES * 2)
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    await keep_up(indexer)
    await town.expunge(7, 7)
    town.place.clock.advance(town.settings.clean_every_s + 1)
    await keep_up(indexer)
    assert (await town.state()).messages == TIER_MESSAGES * 2, "too little for so much work"
    town.place.clock.advance(GONE_MS / 1000)
    await keep_up(indexer)
    assert (await town.state()).messages == TIER_MESSAGES * 2 - 1


async def test_an_account_without_mail_keeps_no_index(town: Town) -> None:
    await town.deliver(70)
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    await keep_up(indexer)
    await town.expunge(1, 70)
    town.place.clock.advance(town.settings.sweep_every_s + 1)
    await indexer.look([SLOT])
    assert ACCOUNT in indexer.untidy
    await indexer.tend(ACCOUNT)
    assert await town.rows() == []
    await town.check(covered=0)
    await town.search.want(ACCOUNT)
    await town.deliver(1)
    await keep_up(indexer)
    await town.check(covered=1)


async def test_two_indexers_do_no_harm(town: Town) -> None:
    await town.deliver(TIER_MESSAGES * 3)
    await town.search.want(ACCOUNT)
    one, other = town.indexer(), town.indexer()
    await one.look([SLOT])

    async def work(indexer: Any) -> None:
        for _ in range(20):
            for step in (indexer.follow, indexer.tend):
                try:
                    await step(ACCOUNT)
                except Stale:
                    await asyncio.sleep(0)

    for _ in range(4):
        await asyncio.gather(work(one), work(other))
        await town.check(covered=len(town.raws))
        await town.deliver(TIER_MESSAGES + 1)
    await keep_up(one)
    await town.check(covered=len(town.raws))
    await _check_nothing_is_left(town)


async def test_a_merge_does_not_disturb_who_follows(town: Town) -> None:
    indexer = await _ready_to_merge(town)
    await town.deliver(TIER_MESSAGES)
    kept = Kept(town.store, town.place.clock, indexer._dice, SLOT, ACCOUNT)
    await kept.read()
    await indexer.tend(ACCOUNT)
    assert len((await town.state()).segments) == 1
    batch = await indexer._messages.batch(SLOT, ACCOUNT, kept.state.watermark, Pace(town.place.clock))
    assert await kept.append(batch.entries, batch.watermark)
    await town.check(covered=len(town.raws))


async def _ready_to_merge(town: Town) -> Any:
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    await indexer.look([SLOT])
    for _ in range(FAN):
        await town.deliver(TIER_MESSAGES)
        await indexer.follow(ACCOUNT)
    return indexer


async def test_work_goes_on_when_another_was_faster(town: Town) -> None:
    async def stale() -> bool:
        raise Stale("changed")

    assert await town.indexer()._guarded(ACCOUNT, stale())


async def _check_nothing_is_left(town: Town) -> None:
    """All rows are of what the state names."""
    state = await town.state()
    named = {piece.id for piece in state.segments}
    for key in await town.rows():
        if key[1:2] == b"D":
            assert int.from_bytes(key[12:20], "big") in named
        assert key[1:2] != b"M"


class Failing(MemoryStore):
    """Fails at one of its transactions: before it is applied, or behind it, when nobody hears that it was."""

    def __init__(self) -> None:
        super().__init__()
        self.left = -1
        self.behind = False

    async def transact(self, body: Callable[[Transaction], Awaitable[Any]]) -> Any:
        self.left -= 1
        if self.left == 0 and not self.behind:
            raise Unavailable("broken")
        result = await super().transact(body)
        if self.left == 0:
            raise Unavailable("broken")
        return result


@pytest.mark.parametrize("behind", [False, True])
async def test_work_that_is_cut_off_anywhere_is_done_again(behind: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "TIER_MESSAGES", 4)
    monkeypatch.setattr(states, "FAN", 3)
    for at in range(1, 100):
        store = Failing()
        town = Town(store)
        await town.deliver(5)
        await town.search.want(ACCOUNT)
        store.left, store.behind = at, behind
        failed = 0
        for _ in range(5):
            try:
                await keep_up(town.indexer())
            except (Unavailable, Stale):
                failed += 1
            left, store.left = store.left, -1
            await town.check()
            await town.deliver(5)
            store.left = left
        store.left = -1
        town.place.clock.advance(LEFT_MS / 1000 + 1)
        await keep_up(town.indexer())
        await town.check(covered=len(town.raws))
        await _check_nothing_is_left(town)
        await town.place.shards[0].stop()
        if not failed:
            assert at > 15, "it was cut off in each of its transactions"
            return
    raise AssertionError("there is no end of transactions")


class Repeating:
    """A store that runs each body again when it was applied: it has not heard whether it was."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def transact(self, body: Callable[[Transaction], Awaitable[Any]]) -> Any:
        await self._store.transact(body)
        return await self._store.transact(body)


async def test_a_commit_whose_answer_was_lost_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "TIER_MESSAGES", 4)
    monkeypatch.setattr(states, "FAN", 3)
    town = Town(MemoryStore())
    await town.search.want(ACCOUNT)
    indexer = town.indexer(Repeating(town.store))
    for _ in range(7):
        await town.deliver(5)
        for _ in range(5):
            with contextlib.suppress(Stale):  # it thinks that somebody else was faster
                await keep_up(indexer)
        await town.check(covered=len(town.raws))
    await _check_nothing_is_left(town)
    await town.place.shards[0].stop()


async def test_a_segment_that_was_given_up_is_not_written_any_more(town: Town) -> None:
    await town.deliver(TIER_MESSAGES)
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    await indexer.look([SLOT])
    kept = Kept(town.store, town.place.clock, town.indexer()._dice, SLOT, ACCOUNT)

    async def make(drain: Any) -> None:
        town.place.clock.advance(LEFT_MS / 1000 + 1)
        await kept.tidy()

        writer = Writer(1)
        for number in range(30):
            writer.put((b"T", number), b"x" * 90_000)
        with pytest.raises(Stale):
            await drain(writer)

    segment, _ = await kept.make(make)
    assert await town.store.range(*keys.rows(SLOT, ACCOUNT, segment)) == []


async def test_a_newer_programs_index_is_left_alone(town: Town) -> None:
    await town.deliver(3)
    newer = states.encode(states.State(format=states.FORMAT + 1, change=5))

    async def body(tr: Transaction) -> None:
        tr.set(keys.state(SLOT, ACCOUNT), newer)

    await town.store.transact(body)
    indexer = town.indexer()
    await keep_up(indexer)
    assert await town.store.get(keys.state(SLOT, ACCOUNT)) == newer
    await town.check(covered=0)


async def test_an_older_programs_index_is_made_anew(town: Town) -> None:
    await town.deliver(3)
    older = states.encode(states.State(format=states.FORMAT - 1, watermark=3, entries=3))

    async def body(tr: Transaction) -> None:
        tr.set(keys.state(SLOT, ACCOUNT), older)

    await town.store.transact(body)
    await town.check(covered=0)
    indexer = town.indexer()
    await indexer.look([SLOT])
    assert ACCOUNT in indexer.due
    await keep_up(indexer)
    await town.check(covered=3)


async def test_all_accounts_are_indexed_where_that_is_set() -> None:
    town = Town(MemoryStore(), SearchSettings(index="all"))
    await town.deliver(3)
    indexer = town.indexer()
    await indexer.look([SLOT])
    assert await _due(indexer)
    await keep_up(indexer)
    await town.check(covered=3)
    await town.place.shards[0].stop()


async def test_nothing_is_done_where_indexes_are_off(store: Store) -> None:
    town = Town(store, SearchSettings(index="off"))
    await town.deliver(3)
    await town.search.want(ACCOUNT)
    indexer = town.indexer()
    await indexer.run(lambda: [SLOT])
    assert await town.rows() == []
    await town.check(covered=0)
    await town.place.shards[0].stop()


async def test_it_runs_by_itself(town: Town) -> None:
    indexer = town.indexer()
    indexer._settings = SearchSettings(settle_s=0.1)
    running = asyncio.create_task(indexer.run(lambda: [SLOT]))
    await town.search.want(ACCOUNT)
    await town.deliver(70)
    indexer.hint(ACCOUNT)
    for _ in range(500):
        await asyncio.sleep(0.01)
        if (await town.search.index_of(ACCOUNT)).watermark == 70:
            break
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await town.check(covered=70)

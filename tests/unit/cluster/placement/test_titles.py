"""Titles: what was taken is compared in every write, and a slot that was away is forgotten first."""

import asyncio

import pytest

from cluster.errors import Fenced, Moved
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction
from cluster.placement.claims import Alone, Claim, Claims, decode
from cluster.placement.titles import Titles


class Given:
    """The claims that a test gives."""

    def __init__(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.epochs: dict[int, int] = {}

    def claim(self, slot: int) -> Claim:
        if slot not in self.epochs:
            raise Moved("Not here.")
        return Claim(self.epochs[slot], self.incarnation)


def key_of(slot: int) -> bytes:
    return b"t%d" % slot


def titles(store: MemoryStore, claims: Claims, incarnation: int = 1) -> Titles:
    return Titles(store, claims, incarnation, key_of)


async def write(store: MemoryStore, title: Titles, *slots: int) -> None:
    async def body(transaction: Transaction) -> None:
        await title.check(transaction, slots)
        transaction.set(b"written", b"")

    await store.transact(body)


async def test_held_once_and_checked_in_every_write() -> None:
    store, claims = MemoryStore(), Given(1)
    claims.epochs = {3: 10, 4: 11}
    mine = titles(store, claims)
    assert not mine.known(3)
    assert await mine.hold([3, 4, 3]) == [3, 4]
    assert mine.known(3)
    assert await mine.hold([3, 4]) == []
    await write(store, mine, 3, 4)


async def test_nothing_is_written_to_a_slot_that_is_not_held() -> None:
    store = MemoryStore()
    with pytest.raises(Fenced):
        await write(store, titles(store, Alone()), 3)
    assert await store.get(b"written") is None


async def test_a_later_owner_fences_the_one_before() -> None:
    store, before, after = MemoryStore(), Given(1), Given(2)
    before.epochs, after.epochs = {3: 10, 4: 10}, {3: 11}
    old, new = titles(store, before), titles(store, after)
    await old.hold([3, 4])
    await new.hold([3])
    with pytest.raises(Fenced):
        await write(store, old, 4, 3)
    await write(store, old, 4)
    await write(store, new, 3)
    old.drop(3)
    with pytest.raises(Fenced):
        await old.hold([3])
    assert not old.known(3)


async def test_a_slot_that_was_away_is_newly_held() -> None:
    store, claims = MemoryStore(), Given(1)
    claims.epochs = {3: 10}
    mine = titles(store, claims)
    await mine.hold([3])
    claims.epochs = {3: 12}
    assert not mine.known(3)
    assert await mine.hold([3]) == [3]
    mine.drop(3)
    assert await mine.hold([3]) == [3]


async def test_what_is_not_ours_is_not_taken() -> None:
    store, claims = MemoryStore(), Given(1)
    claims.epochs = {3: 10}
    mine = titles(store, claims)
    with pytest.raises(Moved):
        await mine.hold([3, 4])
    assert await store.get(key_of(3)) is None
    with pytest.raises(Moved):
        mine.known(4)


async def test_of_two_that_hold_at_once_one_hears_that_it_is_new() -> None:
    # Else the second would make its shard forget what the first has begun to remember.
    mine = titles(MemoryStore(), Alone())
    found = await asyncio.gather(mine.hold([3]), mine.hold([3, 4]))
    assert sorted(slot for new in found for slot in new) == [3, 4]


async def test_dropped_while_it_is_taken_it_is_not_held() -> None:
    store, claims = MemoryStore(), Given(1)
    claims.epochs = {3: 10}
    mine = titles(store, claims)
    taking = asyncio.create_task(mine.hold([3]))
    await asyncio.sleep(0)
    mine.drop(3)
    with pytest.raises(Moved):
        await taking
    assert not mine.known(3)
    assert await mine.hold([3]) == [3]


async def test_a_slot_taken_anew_shuts_out_what_found_the_title_of_before() -> None:
    store, claims = MemoryStore(), Given(1)
    claims.epochs = {3: 10}
    mine = titles(store, claims)
    seen = []
    for _ in range(3):
        await mine.hold([3])
        seen.append(await store.get(key_of(3)))
        mine.drop(3)
    assert len(set(seen)) == 3
    assert {decode(each) for each in seen} == {Claim(10, 1)}

"""actors/mailbox/shard.py with several owners: nobody writes or answers for a slot that is another's."""

import asyncio

import pytest

from actors.mailbox import keys
from actors.mailbox.shard import Shard
from actors.mailbox.types import INBOX, Added, Open, ReadTree, Tree
from cluster.errors import Fenced, Moved, Unavailable
from cluster.meta.memory import MemoryStore
from cluster.meta.validate import Changes
from cluster.placement.claims import Claim
from cluster.placement.holding import RELEASE_HOLD_S
from tests.unit.actors.mailbox.conftest import Place
from tests.unit.actors.mailbox.test_shard import Listener, add
from tests.unit.actors.mailbox.town import Map, Script


class Two:
    """Two shards that each see the map of their own."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.map = Map()
        self.scripts = [Script(name, number, self.map) for number, name in enumerate("ab", start=1)]
        self.shards = [place.new_owner(script, script.incarnation) for script in self.scripts]

    @property
    def old(self) -> Shard:
        return self.shards[0]

    @property
    def new(self) -> Shard:
        return self.shards[1]

    def fail_over(self, account: int, *, told: bool) -> None:
        """The second gets the slot; whether the first hears of it."""
        if not told:
            self.scripts[0].map = Map()
        self.map.give(keys.slot_of(account), "b")


@pytest.fixture
async def two(place: Place) -> Two:
    """The first owns all."""
    return Two(place)


async def _messages(shard: Shard, account: int) -> int:
    tree = await shard.ask(account, ReadTree())
    assert isinstance(tree, Tree)
    return tree.used_messages


async def test_a_shard_answers_for_its_own_slots_only(two: Two) -> None:
    await two.old.ask(1, add(0))
    with pytest.raises(Moved):
        await two.new.ask(1, ReadTree())
    two.fail_over(1, told=True)
    with pytest.raises(Moved):
        await two.old.ask(1, ReadTree())
    with pytest.raises(Moved):
        await two.old.has_room(1, 1)
    assert await _messages(two.new, 1) == 1


async def test_the_late_write_of_an_owner_that_knows_nothing_is_refused(two: Two) -> None:
    await two.old.ask(1, add(0))
    listener = Listener()
    await two.old.watch(1, Open(INBOX), listener)
    two.fail_over(1, told=False)
    await two.new.ask(1, add(1))
    with pytest.raises(Fenced):
        await two.old.ask(1, add(2))
    assert isinstance(listener.over, Fenced)
    assert listener.told == []
    with pytest.raises(Fenced):
        await two.old.ask(1, add(3))
    assert await _messages(two.new, 1) == 2
    assert two.new.slots == [keys.slot_of(1)]
    assert two.old.slots == []


async def test_a_fenced_slot_costs_others_of_the_batch_nothing(two: Two) -> None:
    for account in (1, 2):
        await two.old.ask(account, add(0))
    two.fail_over(1, told=False)
    await two.new.ask(1, add(1))
    lost, kept = await asyncio.gather(two.old.ask(1, add(2)), two.old.ask(2, add(3)), return_exceptions=True)
    assert isinstance(lost, Fenced)
    assert isinstance(kept, Added)
    assert await _messages(two.old, 2) == 2


async def test_past_its_lease_a_shard_does_not_even_answer_from_memory(two: Two) -> None:
    await two.old.ask(1, add(0))
    listener = Listener()
    await two.old.watch(1, Open(INBOX), listener)
    two.scripts[0].lease_over = True
    for command in (ReadTree(), add(1)):
        with pytest.raises(Moved):
            await two.old.ask(1, command)
    two.old.patrol()
    assert isinstance(listener.over, Moved)
    two.scripts[0].lease_over = False
    assert await _messages(two.old, 1) == 1


async def test_a_lease_that_ends_during_the_commit_keeps_the_answer_back() -> None:
    class Slow(MemoryStore):
        stalls: asyncio.Event | None = None

        async def transact(self, body):  # type: ignore[no-untyped-def]
            result = await super().transact(body)
            if self.stalls is not None:
                await self.stalls.wait()
            return result

    store = Slow()
    two = Two(Place(store))
    first = await two.old.ask(1, add(0), b"one")
    store.stalls = asyncio.Event()
    late = asyncio.ensure_future(two.old.ask(1, add(1), b"key"))
    for _ in range(10):
        await asyncio.sleep(0)
    two.scripts[0].lease_over = True
    store.stalls.set()
    with pytest.raises(Moved):
        await late
    two.fail_over(1, told=True)
    again = await two.new.ask(1, add(1), b"key")  # it was durable, and is not done twice
    assert isinstance(again, Added)
    assert again.uids == ((2, 2),)
    assert await two.new.ask(1, add(0), b"one") == first
    assert await _messages(two.new, 1) == 2
    for shard in two.shards:
        await shard.stop()


async def test_a_slot_that_comes_back_is_read_anew(two: Two) -> None:
    await two.old.ask(1, add(0))
    listener = Listener()
    await two.old.watch(1, Open(INBOX), listener)
    two.fail_over(1, told=False)
    await two.new.ask(1, add(1))
    two.map.give(keys.slot_of(1), "a")
    two.scripts[0].map = two.map
    assert await _messages(two.old, 1) == 2
    assert isinstance(listener.over, Moved)
    with pytest.raises(Moved):
        await two.new.ask(1, add(2))


async def test_releasing_finishes_what_was_taken_and_lets_go(two: Two) -> None:
    listener = Listener()
    await two.old.watch(1, Open(INBOX), listener)
    taken = [asyncio.ensure_future(two.old.ask(1, add(n))) for n in range(700)]
    other = [asyncio.ensure_future(two.old.ask(2, add(n))) for n in range(100)]
    await asyncio.sleep(0)
    released = asyncio.ensure_future(two.old.release(keys.slot_of(1)))
    await asyncio.sleep(0)
    with pytest.raises(Moved):
        await two.old.ask(1, add(999))
    await released
    assert all(isinstance(one.result(), Added) for one in taken), "what was taken is done when the slot is let go"
    assert len(listener.told) == 700
    assert isinstance(listener.over, Moved)
    assert two.old.slots == [keys.slot_of(2)]
    assert all(isinstance(one, Added) for one in await asyncio.gather(*other))
    two.fail_over(1, told=True)
    assert await _messages(two.new, 1) == 700


async def test_a_released_slot_that_nobody_took_is_taken_up_again(two: Two) -> None:
    await two.old.ask(1, add(0))
    await two.old.release(keys.slot_of(1))
    with pytest.raises(Moved):
        await two.old.ask(1, ReadTree())
    two.place.clock.advance(RELEASE_HOLD_S + 0.1)
    assert await _messages(two.old, 1) == 1


async def test_a_slot_that_is_assigned_anew_is_taken_at_once(two: Two) -> None:
    await two.old.ask(1, add(0))
    await two.old.release(keys.slot_of(1))
    two.map.give(keys.slot_of(1), "a")
    assert await _messages(two.old, 1) == 1


async def test_many_slots_are_taken_in_one_transaction(place: Place) -> None:
    shard = place.new_owner()
    transactions = 0
    transact = place.store.transact

    async def counting(body):  # type: ignore[no-untyped-def]
        nonlocal transactions
        transactions += 1
        return await transact(body)

    place.store.transact = counting  # type: ignore[method-assign]
    await asyncio.gather(*(shard.ask(account, ReadTree()) for account in range(1, 100)))
    assert transactions <= 2 + 3  # of claims at most two; the accounts begin in few batches


async def test_what_one_process_stored_before_there_were_claims_is_outranked(place: Place) -> None:
    async def old(tr):  # type: ignore[no-untyped-def]
        tr.set(keys.claim(keys.slot_of(1)), (7).to_bytes(8, "big"))

    await place.store.transact(old)
    await place.new_owner().ask(1, add(0))
    assert await place.store.get(keys.claim(keys.slot_of(1))) == Claim(0, 1).encode()


async def test_accounts_that_load_do_not_hold_up_others(place: Place) -> None:
    shard = place.new_owner()
    await shard.ask(1, add(0))
    go_on = asyncio.Event()
    rows = place.store.range

    async def slow(*args, **more):  # type: ignore[no-untyped-def]
        await go_on.wait()
        return await rows(*args, **more)

    place.store.range = slow  # type: ignore[method-assign]
    late = [asyncio.ensure_future(shard.ask(2, add(n))) for n in range(3)]
    await asyncio.wait_for(shard.ask(1, add(1)), 5)
    assert not any(one.done() for one in late)
    go_on.set()
    answers = await asyncio.gather(*late)
    assert [answer.uids for answer in answers if isinstance(answer, Added)] == [((n, n),) for n in (1, 2, 3)]


class Late:
    """Commits; one that was told to have failed lands when the next meets it, as it may across a network."""

    def __init__(self, store: MemoryStore) -> None:
        self.fails = False
        self._real = store._committing
        self._under_way: list[Changes] = []
        store._committing = self

    async def commit(self, changes: Changes) -> None:
        """Land what is under way, and this."""
        if self.fails:
            self._under_way.append(changes)
            raise Unavailable("Nobody knows.")
        while self._under_way:
            await self._real.commit(self._under_way.pop(0))
        await self._real.commit(changes)

    async def close(self) -> None:
        """End."""
        await self._real.close()


async def test_a_commit_of_unknown_outcome_that_lands_late_is_not_written_over() -> None:
    memory = MemoryStore()
    place, store = Place(memory), Late(memory)
    shard = place.new_owner()
    await shard.ask(1, add(0))
    listener = Listener()
    await shard.watch(1, Open(INBOX), listener)
    store.fails = True
    with pytest.raises(Unavailable):
        await shard.ask(1, add(1), b"key")
    store.fails = False
    assert isinstance(listener.over, Unavailable), "it may have missed what landed"
    later = await shard.ask(1, add(2))
    assert isinstance(later, Added)
    assert later.uids == ((3, 3),)
    again = await shard.ask(1, add(1), b"key")
    assert isinstance(again, Added)
    assert again.uids == ((2, 2),)
    assert await _messages(shard, 1) == 3
    await shard.stop()

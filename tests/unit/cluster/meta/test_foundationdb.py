"""What the adapter does with FoundationDB's errors, keys and futures, over its binding played in memory."""

import asyncio
import random

import pytest

from cluster.errors import Misconfigured, TooLarge, Unavailable
from cluster.meta.foundationdb import FORMAT, FoundationdbStore
from cluster.meta.limits import KEYS_END
from cluster.meta.settings import FoundationdbSettings
from cluster.meta.store import KEY_BYTES_MAX, Transaction
from tests.foundationdb_double import Database, Fault, Fdb


class World:
    """A cluster, and the adapter over it."""

    def __init__(self) -> None:
        self.fdb = Fdb()
        self.runs = 0

    async def open(self, prefix: str = "rookery") -> FoundationdbStore:
        return await FoundationdbStore.open(FoundationdbSettings(prefix=prefix), binding=self.fdb)

    @property
    def database(self) -> Database:
        return self.fdb.open()

    async def count(self, transaction: Transaction) -> None:
        """A body that may not happen twice."""
        self.runs += 1
        transaction.add(b"n", 1)

    def order(self, *faults: Fault) -> None:
        self.database.faults += faults


@pytest.fixture
def world() -> World:
    return World()


async def number(store: FoundationdbStore) -> int:
    return int.from_bytes(await store.get(b"n") or b"", "little")


@pytest.mark.parametrize("code", [1007, 1009, 1020, 1037, 1042])
async def test_a_commit_that_certainly_did_not_happen_is_tried_again(world: World, code: int) -> None:
    store = await world.open()
    world.order(Fault("commit", code), Fault("commit", code))
    await store.transact(world.count)
    assert (world.runs, await number(store)) == (3, 1)


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("code", [1021, 1031, 1039])
async def test_a_commit_that_may_have_happened_is_told_and_not_tried_again(
    world: World, code: int, applied: bool
) -> None:
    store = await world.open()
    world.order(Fault("commit", code, applied))
    with pytest.raises(Unavailable, match="outcome unknown"):
        await store.transact(world.count)
    assert (world.runs, await number(store)) == (1, int(applied))
    await store.transact(world.count)
    assert await number(store) == int(applied) + 1


@pytest.mark.parametrize("call", ["get", "range"])
async def test_a_read_that_came_too_late_is_done_again(world: World, call: str) -> None:
    store = await world.open()
    runs = []

    async def body(transaction: Transaction) -> None:
        runs.append(1)
        await (transaction.get(b"a") if call == "get" else transaction.range(b"", KEYS_END))
        transaction.set(b"a", b"1")

    world.order(Fault(call, 1007))
    await store.transact(body)
    assert len(runs) == 2
    world.order(Fault(call, 1009), Fault(call, 1037))
    assert (await store.get(b"a") if call == "get" else (await store.range(b"", KEYS_END))[0][1]) == b"1"


async def test_a_cluster_that_does_not_answer_is_unavailable(world: World) -> None:
    store = await world.open()
    world.order(Fault("get", 1031))
    with pytest.raises(Unavailable, match="1031"):
        await store.get(b"a")
    world.order(Fault("get", 1031))
    with pytest.raises(Unavailable, match="1031"):
        await store.transact(lambda transaction: transaction.get(b"a"))


async def test_a_read_error_that_the_body_swallows_still_runs_it_again(world: World) -> None:
    store = await world.open()
    told = []

    async def body(transaction: Transaction) -> None:
        try:
            told.append(await transaction.get(b"a"))
        except Unavailable:
            told.append(b"error")
        transaction.set(b"a", b"1")

    world.order(Fault("get", 1007))
    await store.transact(body)
    assert told == [b"error", None]


async def test_bad_luck_has_an_end(world: World) -> None:
    store = await world.open()
    world.order(*[Fault("commit", 1020)] * 500)
    with pytest.raises(Unavailable, match="1020"):
        await store.transact(world.count)
    assert 1 < world.runs <= 100


async def test_what_is_too_large_for_foundationdb_alone_is_too_large(world: World) -> None:
    store = await world.open()
    world.order(Fault("commit", 2101))
    with pytest.raises(TooLarge):
        await store.transact(world.count)
    assert world.runs == 1


async def test_in_bad_weather_all_that_is_acknowledged_is_there_once(world: World) -> None:
    store = await world.open()
    world.database.weather = random.Random(4)
    unsure: list[str] = []

    async def body(transaction: Transaction) -> None:
        rows = await transaction.range(b"", b"m", limit=5)
        transaction.set(b"%03d" % len(await transaction.range(b"", b"m")), rows[-1][1] if rows else b"")
        transaction.add(b"n", 1)

    async def asks() -> None:
        for _ in range(15):
            try:
                await store.transact(body)
            except Unavailable as trouble:
                unsure.append(trouble.log)

    await asyncio.gather(*[asks() for _ in range(4)])
    world.database.weather = None
    count = await number(store)
    assert 0 < len(unsure) < 60
    assert all("outcome unknown" in log for log in unsure)
    assert 60 - len(unsure) <= count <= 60
    assert len(await store.range(b"", b"m")) == count, "a transaction landed in part"


async def test_a_version_that_is_too_old_has_the_body_run_again(world: World) -> None:
    store = await world.open()
    world.database.version_s = 0.05
    runs = []

    async def body(transaction: Transaction) -> None:
        await transaction.get(b"a")
        runs.append(1)
        await asyncio.sleep(0.1 if len(runs) < 3 else 0)
        if len(runs) == 2:
            await transaction.get(b"b")
        transaction.set(b"a", b"1")

    await store.transact(body)
    assert len(runs) == 3


async def test_only_reading_commits_nothing(world: World) -> None:
    store = await world.open()
    world.order(Fault("commit", 1020))
    assert await store.transact(lambda transaction: transaction.get(b"a")) is None
    assert world.database.faults


async def test_reads_outside_leave_no_conflict_and_transactions_their_own(world: World) -> None:
    store = await world.open()

    async def body(transaction: Transaction) -> None:
        world.runs += 1
        await store.get(b"a")
        if world.runs == 1:
            await transaction.get(b"b")
            await store.transact(_set(b"a"))
            await store.transact(_set(b"c"))
        transaction.set(b"out", b"")

    await store.transact(body)
    assert world.runs == 1


async def test_installations_share_a_cluster_without_seeing_each_other(world: World) -> None:
    one, two = await world.open("mail"), await world.open("mail2")
    for store, value in ((one, b"1"), (two, b"2")):
        await store.transact(_set(b"\xff\xff", value))
    assert await one.range(b"", KEYS_END) == [(b"\xff\xff", b"1")]

    async def clear(transaction: Transaction) -> None:
        transaction.clear_range(b"", b"\xff" * 600)

    await one.transact(clear)
    assert await one.range(b"", KEYS_END) == []
    assert await two.range(b"", KEYS_END) == [(b"\xff\xff", b"2")]
    await world.open("mail")


async def test_no_key_of_ours_is_one_of_foundationdbs_own(world: World) -> None:
    store = await world.open()
    await store.transact(_set(b"\xff" * (KEY_BYTES_MAX - 1) + b"\xfe"))
    assert all(key.startswith(b"\x02rookery\x00") for key in world.database.newest.keys)


async def test_bounds_of_any_length(world: World) -> None:
    store = await world.open()
    longest = b"k" * KEY_BYTES_MAX
    await store.transact(_set(longest))
    assert await store.range(longest + b"k" * 20_000, KEYS_END) == []
    assert [key for key, _ in await store.range(b"", longest + b"k" * 20_000)] == [longest]


async def test_an_unknown_format_is_refused(world: World) -> None:
    await world.open()
    transaction = world.database.create_transaction()
    transaction.set(b"\x02rookery\x00" + KEYS_END, FORMAT.replace(b"1", b"9"))
    transaction.commit()
    while FORMAT in world.database.newest.rows.values():
        await asyncio.sleep(0)
    with pytest.raises(Misconfigured, match=r"rookery 9.*rookery 1.*run the version that wrote it"):
        await world.open()


@pytest.mark.parametrize("applied", [False, True])
async def test_a_store_begins_although_nobody_knows_whether_its_format_was_written(world: World, applied: bool) -> None:
    world.order(Fault("commit", 1021, applied))
    store = await world.open()
    await store.transact(world.count)
    assert (world.runs, await number(store)) == (1, 1)


async def test_a_cluster_that_is_away_at_the_start_is_named_with_what_to_look_at(world: World) -> None:
    world.order(Fault("get", 1031))
    with pytest.raises(Unavailable, match=r"usual cluster file, prefix rookery, cannot be reached.*1031.*does it run"):
        await world.open()
    world.order(Fault("get", 1515))
    with pytest.raises(Misconfigured, match=r"1515.*cluster file"):
        await world.open()


async def test_two_that_begin_the_same_store_at_once(world: World) -> None:
    first, second = await asyncio.gather(world.open(), world.open())
    await first.transact(_set(b"a"))
    assert await second.get(b"a") == b""


async def test_one_who_is_cancelled_while_reading_leaves_the_others_alone(world: World) -> None:
    store = await world.open()
    reads = [asyncio.create_task(store.get_many([b"%d" % n for n in range(20)])) for _ in range(10)]
    await asyncio.sleep(0)
    reads[4].cancel()
    done = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(done[4], asyncio.CancelledError)
    assert [answer for answer in done if answer == [None] * 20] == [[None] * 20] * 9


def _set(key: bytes, value: bytes = b""):  # type: ignore[no-untyped-def]
    async def body(transaction: Transaction) -> None:
        transaction.set(key, value)

    return body

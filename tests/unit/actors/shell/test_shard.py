"""actors/shell/shard.py: durable before answered, many in one commit, fenced, forgetful after failure."""

import asyncio

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from actors.shell import shard as sharding
from actors.shell.kind import EXPIRY, WORK, encode
from actors.shell.metrics import ShellMetrics
from actors.shell.places import place_of, time_of
from actors.shell.shard import Shard
from cluster.clock import ManualClock
from cluster.errors import Corrupt, Fenced, Moved, Refused, StoreFull, TooLarge, Unavailable
from cluster.meta.engine import Conflict
from tests.unit.actors.shell.notes import Asked, Note, Notes, Page, Read, Take, Told, Write
from tests.unit.actors.shell.site import Scripted, Site
from tests.unit.actors.unknowing import Unknowing

Owner = Shard[Asked, Note]
SLOT = 7


async def ask(shard: Owner, command: Asked, slot: int = SLOT) -> dict[str, str | None]:
    return msgspec.msgpack.decode(await shard.call(slot, encode(command)), type=Told).texts


async def write(shard: Owner, name: str, text: str, slot: int = SLOT, *, lane: int = EXPIRY, wake_ms: int = 0) -> None:
    await ask(shard, Write([name.encode()], Note(text, lane, wake_ms)), slot)


async def read(shard: Owner, name: str, slot: int = SLOT) -> str | None:
    return (await ask(shard, Read([name.encode()]), slot))[name]


async def test_many_calls_are_one_read_and_one_commit(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    await write(shard, "first", "x")
    commits, reads = site.store.commits, site.store.reads
    await asyncio.gather(*(write(shard, f"{n}", f"text {n}") for n in range(100)))
    assert (site.store.commits - commits, site.store.reads - reads) == (1, 1)  # a claim's check reads in its own
    assert await read(shard, "42") == "text 42"
    assert site.store.reads - reads == 1  # from memory


async def test_what_was_answered_is_found_by_the_next_owner(site: Site) -> None:
    first, _ = await site.owner(Notes())
    await asyncio.gather(write(first, "a", "1"), write(first, "a", "2"), write(first, "b", "3"))
    second, _ = await site.owner(Notes(), epoch=2)
    assert await ask(second, Read([b"a", b"b", b"c"])) == {"a": "2", "b": "3", "c": None}


async def test_a_stale_owner_can_not_write_and_then_not_read(site: Site) -> None:
    old, claims = await site.owner(Notes())
    await write(old, "a", "old")
    await write(old, "other", "old", SLOT + 1)
    new, _ = await site.owner(Notes(), epoch=2)
    await write(new, "a", "new")
    with pytest.raises(Fenced):
        await write(old, "a", "late")
    with pytest.raises(Fenced):  # it has lost its memory, and may not take the slot back
        await read(old, "a")
    assert await read(old, "other", SLOT + 1) == "old"
    assert await read(new, "a") == "new"
    claims.expired = True
    with pytest.raises(Moved):
        await read(old, "other", SLOT + 1)


async def test_one_lost_slot_does_not_keep_others_waiting(site: Site) -> None:
    old, claims = await site.owner(Notes())
    new, _ = await site.owner(Notes(), epoch=2)
    await write(new, "a", "new", 1)
    claims.gone.add(2)
    answers = await asyncio.gather(*(write(old, "a", "x", slot) for slot in (1, 2, 3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Fenced, Moved, type(None)]


async def test_a_lease_that_runs_out_during_the_read_is_noticed(site: Site) -> None:
    shard, claims = await site.owner(Notes())
    await write(shard, "a", "x")
    get_many = site.store.get_many

    async def slow(keys):  # type: ignore[no-untyped-def]
        claims.expired = True
        return await get_many(keys)

    site.store.get_many = slow  # type: ignore[method-assign]
    with pytest.raises(Moved):
        await read(shard, "b")


async def test_a_slot_that_was_away_is_read_anew(site: Site) -> None:
    first, claims = await site.owner(Notes())
    await write(first, "a", "1")
    second, _ = await site.owner(Notes(), epoch=2)
    await write(second, "a", "2")
    claims.epoch = 3
    assert await read(first, "a") == "2"


@pytest.mark.parametrize("durable", [False, True])
async def test_after_a_failed_commit_the_store_says_what_is(site: Site, durable: bool) -> None:
    shard, _ = await site.owner(Notes())
    await write(shard, "a", "1")
    if durable:
        site.store.after = Unavailable("Who knows?")
    else:
        site.store.before = StoreFull("Full.")
    with pytest.raises(Unavailable):
        await write(shard, "a", "2")
    site.store.before = site.store.after = None
    assert await read(shard, "a") == ("2" if durable else "1")


async def test_a_commit_that_nobody_waits_for_any_more_lands_nowhere() -> None:
    """The store said that it does not know; meanwhile others went on; then the commit comes after all."""
    store, claims = Unknowing(), Scripted(1)
    shard = Shard(Notes(), store, ManualClock(), claims, 1, ShellMetrics(CollectorRegistry()))
    shard.start()
    await write(shard, "a", "1")
    store.asked = -1
    with pytest.raises(Unavailable):
        await write(shard, "a", "late")
    late = store.held
    assert late is not None
    await write(shard, "b", "2")
    with pytest.raises(Conflict):
        store.land(late)
    assert await read(shard, "a") == "1"
    await shard.stop()


async def test_after_a_commit_of_unknown_outcome_the_claim_is_stored_before_anything_is_read(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    await write(shard, "a", "1")
    site.store.after = Unavailable("Who knows?")
    with pytest.raises(Unavailable):
        await write(shard, "a", "2")
    site.store.after = None
    commits = site.store.commits
    assert await read(shard, "a") == "2"
    assert site.store.commits - commits == 1, "what is still under way has met the claim"


async def test_who_is_refused_does_not_hinder_the_batch(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    texts = ("1", "refuse", "defect", "4", "x" * 200_000)
    answers = await asyncio.gather(*(write(shard, text[:6], text) for text in texts), return_exceptions=True)
    kinds = [type(None), Refused, ZeroDivisionError, type(None), TooLarge]
    assert [type(answer) for answer in answers] == kinds
    assert await read(shard, "refuse") is None
    assert await read(shard, "4") == "4"


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x80", b"\x81\xa4type\xa2no", b"\x91" * 5000, encode(Read([]))[:-1]])
async def test_garbage_is_refused(site: Site, body: bytes) -> None:
    shard, _ = await site.owner(Notes())
    with pytest.raises(Refused):
        await shard.call(SLOT, body)
    with pytest.raises(Refused):
        await shard.call(70_000, encode(Read([b"a"])))
    with pytest.raises(Refused):
        await shard.subscribe(SLOT, body, None)  # type: ignore[arg-type]


async def test_a_damaged_row_is_its_own_trouble_only(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    now = site.clock.now_ms()
    await write(shard, "a", "x", lane=WORK, wake_ms=now - 2)
    await write(shard, "b", "y", lane=WORK, wake_ms=now - 1)
    await site.store.transact(_put(Notes.layout.unit(SLOT, b"a"), b"\xc1"))
    fresh, _ = await site.owner(Notes(), epoch=2)
    with pytest.raises(Corrupt):
        await read(fresh, "a")
    assert await ask(fresh, Page(b"", 10)) == {"b": "y"}
    assert await ask(fresh, Take(10)) == {"b": "y"}
    assert await site.rows(b"Z") == [Notes.layout.unit(SLOT, b"a")]


def _put(key: bytes, value: bytes):  # type: ignore[no-untyped-def]
    async def body(transaction) -> None:  # type: ignore[no-untyped-def]
        transaction.set(key, value)

    return body


async def test_work_is_found_when_its_time_has_come_and_once(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    now = site.clock.now_ms()
    for name, seconds in (("c", 3), ("a", 1), ("b", 2), ("never", 0)):
        await write(shard, name, name, lane=WORK, wake_ms=now + 1000 * seconds if seconds else 0)
    assert await ask(shard, Take(10)) == {}
    site.clock.advance(2)
    taken = await asyncio.gather(ask(shard, Take(1)), ask(shard, Take(10)))
    assert [*taken[0], *taken[1]] == ["a", "b"]
    await write(shard, "c", "later", lane=WORK, wake_ms=now + 9000)
    site.clock.advance(5)
    assert await ask(shard, Take(10)) == {}
    assert len(await site.rows(b"Z\0\7T")) == 1


async def test_pages_follow_each_other(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    for name in "abcde":
        await write(shard, name, name)
    assert list(await ask(shard, Page(b"", 2))) == ["a", "b"]
    assert list(await ask(shard, Page(b"b", 9))) == ["c", "d", "e"]


async def test_the_sweep_takes_what_has_expired_in_steps(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "SWEEP_UNITS", 3)  # what it reads
    shard, claims = await site.owner(Notes())
    soon = site.clock.now_ms() + 1000
    for n in range(10):
        await write(shard, f"{n}", "stay" if n == 5 else "go", wake_ms=soon, slot=n % 2)
    await write(shard, "not ours", "go", wake_ms=soon, slot=9)
    await write(shard, "work", "go", lane=WORK, wake_ms=soon)
    assert await shard.sweep() == 0
    site.clock.advance(1)
    claims.gone.add(9)
    assert await shard.sweep() == 4
    left = [key for key in await site.rows(b"Z") if key[3:4] == b"U"]
    assert left == [Notes.layout.unit(slot, name) for slot, name in ((1, b"5"), (SLOT, b"work"), (9, b"not ours"))]
    assert await read(shard, "5", 1) == "once more"
    assert await shard.sweep() == 0


async def test_a_defect_in_one_unit_does_not_keep_other_slots_from_the_sweep(site: Site) -> None:
    class Broken(Notes):
        def expire(self, unit: Note, now_ms: int) -> Note | None:
            if unit.text == "broken":
                raise ZeroDivisionError
            return super().expire(unit, now_ms)

    shard, _ = await site.owner(Broken())
    wake_ms = site.clock.now_ms() + 1
    await write(shard, "a", "broken", 1, wake_ms=wake_ms)
    await write(shard, "b", "x", 2, wake_ms=wake_ms)
    site.clock.advance(1)
    await shard.sweep()
    assert await read(shard, "b", 2) is None


async def test_it_sweeps_by_itself_also_after_trouble(site: Site) -> None:
    shard, _ = await site.owner(Notes(), sweep_every_s=0.001)
    await write(shard, "a", "go", wake_ms=site.clock.now_ms() + 1000)
    commits = site.store.commits
    site.store.before = StoreFull("Full.")
    site.clock.advance(1)

    async def swept() -> None:
        while site.store.commits == commits:
            await asyncio.sleep(0)
        site.store.before = None
        while await site.rows(b"Z"):
            await asyncio.sleep(0)

    await asyncio.wait_for(swept(), 30)


async def test_released_slots_finish_and_are_forgotten(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    await write(shard, "a", "0")
    under_way = [asyncio.create_task(write(shard, "a", f"{n}")) for n in (1, 2)]
    await asyncio.sleep(0)
    releasing = asyncio.create_task(shard.release(SLOT))
    await asyncio.sleep(0)
    with pytest.raises(Moved):
        await read(shard, "a")
    await write(shard, "a", "elsewhere", SLOT + 1)
    await releasing
    await asyncio.gather(*under_way)
    new, _ = await site.owner(Notes(), epoch=2)
    assert await read(new, "a") == "2"
    with pytest.raises(Fenced):  # its claims have not heard
        await read(shard, "a")
    await shard.release(SLOT + 2)  # nothing there
    assert await read(shard, "a", SLOT + 1) == "elsewhere"


async def test_it_drains_when_stopped_and_takes_no_more(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    asked = [asyncio.create_task(write(shard, f"{n}", "x")) for n in range(2000)]
    await asyncio.sleep(0)
    await shard.stop()
    await asyncio.gather(*asked)
    assert not shard.alive
    with pytest.raises(Unavailable):
        await read(shard, "1")


async def test_queue_and_memory_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "QUEUE_CALLS_MAX", 10)
    monkeypatch.setattr(sharding, "BATCH_BYTES_MAX", 100)
    shard, _ = await site.owner(Notes(), units_max=3)
    asked = [asyncio.create_task(write(shard, f"{n}", "x" * 90)) for n in range(15)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None)] * 10 + [Unavailable] * 5
    assert len(shard._cache) == 3
    assert await ask(shard, Read([b"%d" % n for n in range(10)])) == {f"{n}": "x" * 90 for n in range(10)}


async def test_who_stops_waiting_harms_nobody(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    impatient = asyncio.create_task(write(shard, "a", "refuse"))
    patient = asyncio.create_task(write(shard, "b", "x"))
    await asyncio.sleep(0)
    impatient.cancel()
    site.store.before = StoreFull("Full.")
    with pytest.raises(StoreFull):
        await patient
    site.store.before = None
    await shard.release(SLOT)
    assert await read(shard, "b") is None


class Watcher:
    """What it was told, by slot and lane."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, int]] = []

    def due(self, slot: int, lane: int, time_ms: int) -> None:
        self.told.append((slot, lane, time_ms))


async def test_who_watches_is_told_of_work_once_it_is_durable(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    watcher = Watcher()
    shard.watched_by(watcher)
    now = site.clock.now_ms()
    await write(shard, "a", "x", lane=WORK, wake_ms=now + 5)
    await write(shard, "b", "x", lane=WORK + 1, wake_ms=now + 7)
    await write(shard, "c", "x", lane=EXPIRY, wake_ms=now + 9)
    assert watcher.told == [(SLOT, WORK, now + 5), (SLOT, WORK + 1, now + 7)]
    watcher.told.clear()
    await ask(shard, Take(10))
    assert watcher.told == [(SLOT, WORK, now + 5)], "nothing has come yet, and this is next"
    watcher.told.clear()
    site.store.before = Unavailable("Not now.")
    with pytest.raises(Unavailable):
        await write(shard, "d", "x", lane=WORK, wake_ms=now)
    assert watcher.told == []


async def test_of_many_in_one_commit_the_earliest_is_told(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    watcher = Watcher()
    shard.watched_by(watcher)
    await write(shard, "first", "x")
    times = (900, 300, 600)
    await asyncio.gather(*(write(shard, f"{time}", "x", lane=WORK, wake_ms=time) for time in times))
    assert watcher.told == [(SLOT, WORK, 300)]


async def test_work_is_found_in_the_slots_that_are_asked_for_with_few_reads(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    for slot in (3, 5, 9, 4095):
        for lane in (EXPIRY, WORK, WORK + 2):
            await write(shard, f"{lane}", "x", slot, lane=lane, wake_ms=1000 + slot)
    await write(shard, "silent", "x", 7)
    watcher, reads = Watcher(), 0
    shard.watched_by(watcher)
    search = site.store.range

    async def counted(*span, **limits):  # type: ignore[no-untyped-def]
        nonlocal reads
        reads += 1
        return await search(*span, **limits)

    site.store.range = counted  # type: ignore[method-assign]
    await shard.find_work([3, 4, 7, 9, 4095])
    assert watcher.told == [(slot, lane, 1000 + slot) for slot in (3, 9, 4095) for lane in (WORK, WORK + 2)]
    assert reads <= 3 * 5
    watcher.told.clear()
    await shard.find_work([])
    await shard.find_work([6, 8])
    assert watcher.told == []


async def test_a_lane_is_looked_at_from_a_place_on(site: Site) -> None:
    shard, _ = await site.owner(Notes())
    layout = Notes.layout
    for number in range(3):
        await write(shard, f"{number}", "x", lane=WORK + 1, wake_ms=100 + number)
    key = layout.timer(SLOT, WORK + 1, 100, b"0")
    rows = await site.store.range(*layout.timers_after(SLOT, WORK + 1, layout.place(key)))
    assert [(layout.timer_name(row), layout.timer_ms(row)) for row, _value in rows] == [(b"1", 101), (b"2", 102)]
    assert len(await site.store.range(*layout.timers_after(SLOT, WORK + 1, place_of(100)))) == 3
    assert layout.timer_lane(key) == WORK + 1
    assert layout.timer_lane(layout.unit(SLOT, b"0")) is None
    assert time_of(place_of(100, b"0")) == 100

"""What every registry keeps: revisions, conditions, leases, watches. Over memory and a real etcd."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from cluster.clock import SystemClock
from cluster.errors import TooLarge, Unavailable
from cluster.membership.registry import CHANGES_MAX, VALUE_BYTES_MAX, Compare, Entry, Registry, Update
from cluster.membership.watching import PENDING_MAX
from tests.contract.registry.following import Known, next_update, until


async def write(registry: Registry, key: str, value: bytes = b"1") -> int:
    revision = await registry.change({key: value})
    assert revision is not None
    return revision


async def test_a_written_key_is_read_with_its_revisions(registry: Registry, root: str) -> None:
    assert await registry.get(root + "a") is None
    first = await write(registry, root + "a", b"one")
    assert await registry.get(root + "a") == Entry(b"one", first, first)
    second = await write(registry, root + "a", b"two")
    assert second > first
    assert await registry.get(root + "a") == Entry(b"two", first, second)


async def test_a_key_made_anew_has_a_new_created(registry: Registry, root: str) -> None:
    first = await write(registry, root + "a")
    await registry.change({}, deletes=[root + "a"])
    again = await write(registry, root + "a")
    assert again > first
    assert await registry.get(root + "a") == Entry(b"1", again, again)


async def test_a_snapshot_has_the_prefix_and_nothing_else(registry: Registry, root: str) -> None:
    await registry.change({root + "a/1": b"1", root + "a/2": b"2", root + "b": b"3"})
    await write(registry, root + "a0", b"after all of a/")
    found = await registry.snapshot(root + "a/")
    assert {key: entry.value for key, entry in found.entries.items()} == {root + "a/1": b"1", root + "a/2": b"2"}
    assert (await registry.snapshot(root + "none")).entries == {}


async def test_a_snapshot_is_of_its_revision_however_many_keys(registry: Registry, root: str) -> None:
    revision = 0
    for at in range(0, 1200, 100):
        revision = await registry.change({f"{root}{n:05}": b"%d" % n for n in range(at, at + 100)}) or 0
    found = await registry.snapshot(root)
    assert found.revision == revision
    assert list(found.entries) == [f"{root}{n:05}" for n in range(1200)]


async def test_all_of_a_change_has_one_revision(registry: Registry, root: str) -> None:
    await write(registry, root + "old")
    revision = await registry.change({root + "a": b"1", root + "b": b"2"}, deletes=[root + "old", root + "never"])
    found = await registry.snapshot(root)
    assert {entry.revision for entry in found.entries.values()} == {revision}
    assert set(found.entries) == {root + "a", root + "b"}


async def test_a_change_is_made_only_when_all_holds(registry: Registry, root: str) -> None:
    revision = await write(registry, root + "a")
    wrong = [Compare(root + "a", revision), Compare(root + "b", revision)]
    assert await registry.change({root + "c": b"1"}, deletes=[root + "a"], when=wrong) is None
    assert set((await registry.snapshot(root)).entries) == {root + "a"}
    right = [Compare(root + "a", revision), Compare(root + "b", 0)]
    assert await registry.change({root + "c": b"1"}, deletes=[root + "a"], when=right)
    assert set((await registry.snapshot(root)).entries) == {root + "c"}


async def test_no_key_is_made_twice(registry: Registry, root: str) -> None:
    absent = [Compare(root + "a", 0)]
    made = await asyncio.gather(*(registry.change({root + "a": b"%d" % n}, when=absent) for n in range(10)))
    assert sum(revision is not None for revision in made) == 1


async def test_what_is_too_much_is_refused_before_it_is_sent(registry: Registry, root: str) -> None:
    with pytest.raises(TooLarge):
        await registry.change({f"{root}{n}": b"" for n in range(CHANGES_MAX + 1)})
    with pytest.raises(TooLarge):
        await write(registry, root, bytes(VALUE_BYTES_MAX + 1))
    with pytest.raises(ValueError, match="twice"):
        await registry.change({root: b""}, deletes=[root])
    assert await registry.change({f"{root}{n}": b"" for n in range(CHANGES_MAX)})
    assert await write(registry, root, bytes(VALUE_BYTES_MAX))


async def test_what_a_lease_holds_goes_with_it(registry: Registry, root: str) -> None:
    lease = await registry.grant(5)
    await registry.change({root + "a": b"1", root + "b": b"1"}, lease=lease)
    await write(registry, root + "b", b"taken over: without the lease")
    assert not lease.lost
    await lease.revoke()
    assert lease.lost
    assert set((await registry.snapshot(root)).entries) == {root + "b"}
    await lease.revoke()


async def test_a_lease_is_revoked_by_its_number_from_elsewhere(connect: Callable[[], Registry], root: str) -> None:
    mine, other = connect(), connect()
    lease = await mine.grant(2)
    await mine.change({root + "a": b"1"}, lease=lease)
    await other.revoke(lease.id)
    assert await mine.get(root + "a") is None
    await until(lambda: lease.lost)
    await other.revoke(lease.id)
    with pytest.raises(Unavailable):
        await mine.change({root + "a": b"1"}, lease=lease)


async def test_a_change_with_a_lease_that_is_gone_tells_at_once(connect: Callable[[], Registry], root: str) -> None:
    mine, other = connect(), connect()
    lease = await mine.grant(60)
    await other.revoke(lease.id)
    assert not lease.lost
    with pytest.raises(Unavailable):
        await mine.change({root + "a": b"1"}, lease=lease)
    assert lease.lost


async def test_a_lease_lives_on_by_itself(registry: Registry, root: str) -> None:
    lease = await registry.grant(2)
    await registry.change({root + "a": b"1"}, lease=lease)
    first = lease.until
    await until(lambda: lease.until > first + 2)
    assert not lease.lost
    assert lease.until <= SystemClock().monotonic() + 2
    assert await registry.get(root + "a")


async def test_a_key_goes_when_its_process_is_gone(connect: Callable[[], Registry], root: str) -> None:
    mine, other = connect(), connect()
    known = Known(other, root)
    lease = await mine.grant(2)
    await mine.change({root + "a": b"1"}, lease=lease)
    await known.until(lambda known: root + "a" in known.entries)
    await mine.close()
    assert lease.lost
    await known.until(lambda known: root + "a" not in known.entries)


async def test_a_watch_begins_with_all_there_is(registry: Registry, root: str) -> None:
    revision = await write(registry, root + "a")
    first = await next_update(registry.watch(root))
    assert first.reset
    assert first.entries == {root + "a": Entry(b"1", revision, revision)}
    assert first.revision >= revision


async def test_a_watch_tells_every_change_in_order(connect: Callable[[], Registry], root: str) -> None:
    mine, other = connect(), connect()
    watch = other.watch(root)
    assert (await next_update(watch)).entries == {}
    made = [await write(mine, root + "a", b"%d" % n) for n in range(50)]
    updates = [await next_update(watch) for _ in range(50)]
    assert [update.revision for update in updates] == made
    assert [update.entries for update in updates] == [
        {root + "a": Entry(b"%d" % n, made[0], revision)} for n, revision in enumerate(made)
    ]
    assert not any(update.reset for update in updates)


async def test_a_watch_tells_a_change_whole(registry: Registry, root: str) -> None:
    watch = registry.watch(root)
    await next_update(watch)
    await write(registry, "/elsewhere")
    await registry.change({f"{root}{n}": bytes(8000) for n in range(CHANGES_MAX)})
    assert len((await next_update(watch)).entries) == CHANGES_MAX
    await registry.change({root + "0": b"new"}, deletes=[root + "1", root + "none"])
    update = await next_update(watch)
    assert {key: entry and entry.value for key, entry in update.entries.items()} == {
        root + "0": b"new",
        root + "1": None,
    }


async def test_a_cancelled_read_loses_nothing(registry: Registry, root: str) -> None:
    watch = registry.watch(root)
    await next_update(watch)
    told: list[Update] = []
    for n in range(20):
        reading = asyncio.create_task(next_update(watch))
        await asyncio.sleep(0)
        reading.cancel()
        told += [read for read in await asyncio.gather(reading, return_exceptions=True) if isinstance(read, Update)]
        await write(registry, root + "a", b"%d" % n)
    while len(told) < 20:
        told.append(await next_update(watch))
    assert [entry and entry.value for update in told for entry in update.entries.values()] == [
        b"%d" % n for n in range(20)
    ]


def _has(keys: int, known: Known) -> bool:
    return len(known.entries) == keys


async def test_a_slow_reader_starts_over(registry: Registry, root: str) -> None:
    slow, quick = registry.watch(root), Known(registry, root)
    await next_update(slow)
    for start in range(0, 3 * PENDING_MAX, 100):
        await registry.change({f"{root}{n}": b"1" for n in range(start, start + 100)})
        await quick.until(partial(_has, start + 100))
    assert quick.resets == 1
    known: set[str] = set()
    resets = 0
    while len(known) < 3 * PENDING_MAX:
        update = await next_update(slow)
        known = set(update.entries) | (set() if update.reset else known)
        resets += update.reset
    assert resets == 1
    await write(registry, root + "last")
    assert set((await next_update(slow)).entries) == {root + "last"}


async def test_a_closed_watch_ends(registry: Registry, root: str) -> None:
    watch = registry.watch(root)
    await next_update(watch)
    reading = asyncio.create_task(next_update(watch))
    await asyncio.sleep(0)
    await watch.aclose()
    with pytest.raises(StopAsyncIteration):
        await watch.__anext__()
    assert isinstance((await asyncio.gather(reading, return_exceptions=True))[0], RuntimeError | StopAsyncIteration)
    await watch.aclose()


async def test_a_closed_registry_answers_nobody(registry: Registry, root: str) -> None:
    watch = registry.watch(root)
    await next_update(watch)
    lease = await registry.grant(2)
    await registry.close()
    assert lease.lost
    with pytest.raises(Unavailable):
        await registry.get(root)
    with pytest.raises(Unavailable):
        await write(registry, root)
    assert [update async for update in watch] == []
    await registry.close()

"""One real etcd that is stopped, killed, paused and compacted: watches miss nothing, leases that live go on."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cluster.clock import SystemClock
from cluster.errors import Unavailable
from cluster.membership.etcd import EtcdRegistry
from cluster.membership.etcd_connection import Connection, Member, Metadata
from cluster.membership.registry import Registry
from tests.contract.registry.following import WAIT_S, Known, says, until
from tests.etcd import Etcd
from wire import etcd_pb2 as pb

pytestmark = pytest.mark.part("etcd")

ROOT = "/rookery/test/"
KEY = ROOT + "a"


@pytest.fixture
async def registry(etcd: Etcd) -> AsyncIterator[EtcdRegistry]:
    opened = EtcdRegistry(etcd.settings(request_timeout_s=1), SystemClock())
    yield opened
    await opened.close()


async def write(registry: Registry, value: bytes) -> None:
    """Until it is there, however often that takes."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await registry.change({KEY: value})
                return
            except Unavailable:
                await asyncio.sleep(0.05)


async def compact(etcd: Etcd, revision: int) -> None:
    connection = Connection(etcd.settings(), SystemClock(), b"/")

    async def ask(member: Member, metadata: Metadata, timeout_s: float) -> None:
        await member.kv.Compact(pb.CompactionRequest(revision=revision), metadata=metadata, timeout=timeout_s)

    await connection.call(ask, again=False)
    await connection.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_watch_goes_on_after_a_restart(etcd: Etcd, registry: EtcdRegistry, end: str) -> None:
    known = Known(registry, ROOT)
    other = EtcdRegistry(etcd.settings(request_timeout_s=1), SystemClock())
    await write(other, b"before")
    await known.until(lambda known: KEY in known.entries)
    for round_ in range(3):
        etcd.stop() if end == "stop" else etcd.kill()
        with pytest.raises(Unavailable):
            await other.get(KEY)
        etcd.restart()
        for n in range(5):
            await write(other, b"%d %d" % (round_, n))
    await known.until(says(KEY, b"2 4"))
    assert known.resets == 1
    assert known.revisions == sorted(known.revisions)
    wanted = [b"%d %d" % (round_, n) for round_ in range(3) for n in range(5)]
    # A write whose outcome was unknown was made again, so a value may come twice; none is missing.
    assert list(dict.fromkeys(value for value in known.values if value != b"before")) == wanted
    await other.close()


async def test_what_changed_while_the_watch_was_away_is_told(etcd: Etcd, registry: EtcdRegistry) -> None:
    await write(registry, b"before")
    known = Known(registry, ROOT)
    await known.until(lambda known: KEY in known.entries)
    etcd.kill()
    etcd.restart()
    quick = EtcdRegistry(etcd.settings(), SystemClock())
    for n in range(100):
        await write(quick, b"%d" % n)
    await known.until(says(KEY, b"99"))
    assert known.resets == 1
    assert known.values == [b"%d" % n for n in range(100)]
    await quick.close()


async def test_after_a_compaction_it_starts_over(etcd: Etcd, registry: EtcdRegistry) -> None:
    known = Known(registry, ROOT)
    await write(registry, b"before")
    await registry.change({ROOT + "goes": b"1"})
    await known.until(lambda known: len(known.entries) == 2)
    # The reader's stream is cut where its connection cannot come back before all of this is done.
    registry._connection._closed, closed = True, registry._connection._closed
    for call in list(registry._connection._streams):
        call.cancel()
    other = EtcdRegistry(etcd.settings(), SystemClock())
    await other.change({KEY: b"after"}, deletes=[ROOT + "goes"])
    revision = await other.change({ROOT + "later": b"1"})
    assert revision
    await compact(etcd, revision)
    registry._connection._closed = closed
    await known.until(lambda known: ROOT + "later" in known.entries)
    assert known.resets == 2
    assert set(known.entries) == {KEY, ROOT + "later"}
    assert known.entries[KEY].value == b"after"
    await write(other, b"more")
    await known.until(says(KEY, b"more"))
    assert known.resets == 2
    await other.close()


async def test_a_compaction_beside_a_watch_that_keeps_up_is_nothing(etcd: Etcd, registry: EtcdRegistry) -> None:
    known = Known(registry, ROOT)
    for n in range(5):
        await write(registry, b"%d" % n)
    await known.until(says(KEY, b"4"))
    await compact(etcd, known.revisions[-1])
    await write(registry, b"after")
    await known.until(says(KEY, b"after"))
    assert known.resets == 1


async def test_etcd_that_lost_its_data_starts_watches_over(etcd: Etcd, registry: EtcdRegistry) -> None:
    known = Known(registry, ROOT)
    for n in range(5):
        await write(registry, b"%d" % n)
    await known.until(says(KEY, b"4"))
    etcd.wipe()
    etcd.restart()
    await known.until(lambda known: known.resets > 1)
    await write(registry, b"anew")
    await known.until(says(KEY, b"anew"))


async def test_a_lease_survives_a_restart_that_is_shorter(etcd: Etcd, registry: EtcdRegistry) -> None:
    lease = await registry.grant(8)
    await registry.change({KEY: b"1"}, lease=lease)
    etcd.kill()
    etcd.restart()
    before = lease.until
    await until(lambda: lease.until > before)
    assert not lease.lost
    assert await registry.get(KEY)


async def test_a_lease_is_lost_when_etcd_is_away_for_longer(etcd: Etcd, registry: EtcdRegistry) -> None:
    lease = await registry.grant(2)
    etcd.pause()
    await until(lambda: lease.lost)
    assert SystemClock().monotonic() >= lease.until
    etcd.resume()
    await asyncio.sleep(0.5)
    assert lease.lost


async def test_one_that_hangs_is_unavailable_and_then_answers(etcd: Etcd, registry: EtcdRegistry) -> None:
    await write(registry, b"1")
    known = Known(registry, ROOT)
    await known.until(lambda known: KEY in known.entries)
    etcd.pause()
    for ask in (registry.get(KEY), registry.change({KEY: b"2"}), registry.grant(2), registry.snapshot(ROOT)):
        with pytest.raises(Unavailable):
            await ask
    etcd.resume()
    await write(registry, b"3")
    await known.until(says(KEY, b"3"))
    assert known.resets == 1


async def test_nothing_listens(registry: EtcdRegistry, etcd: Etcd) -> None:
    etcd.kill()
    known = Known(registry, ROOT)
    with pytest.raises(Unavailable):
        await registry.change({KEY: b"1"})
    etcd.restart()
    await write(registry, b"1")
    await known.until(lambda known: KEY in known.entries)

"""Three real etcd members of which some are killed, paused or too few: calls and watches go on at the others."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cluster.clock import SystemClock
from cluster.errors import Unavailable
from cluster.membership.etcd import EtcdRegistry
from cluster.membership.registry import Registry
from tests.contract.registry.following import WAIT_S, Known, says, until
from tests.etcd import Etcd, EtcdMember

pytestmark = pytest.mark.part("etcd")

ROOT = "/rookery/test/"
KEY = ROOT + "a"


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Etcd]:
    with Etcd.start(tmp_path, members=3) as etcd:
        yield etcd


@pytest.fixture
async def registry(three: Etcd) -> AsyncIterator[EtcdRegistry]:
    opened = EtcdRegistry(three.settings(), SystemClock())
    yield opened
    await opened.close()


async def write(registry: Registry, value: bytes) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await registry.change({KEY: value})
                return
            except Unavailable:
                await asyncio.sleep(0.05)


def asked(three: Etcd, registry: EtcdRegistry) -> EtcdMember:
    """The member that answers this registry now."""
    address = registry._connection.member_address
    return next(member for member in three.members if member.endpoint.endswith(address))


@pytest.mark.parametrize("end", ["kill", "pause"])
async def test_the_member_that_is_asked_goes_away(three: Etcd, registry: EtcdRegistry, end: str) -> None:
    lease = await registry.grant(20)
    await registry.change({ROOT + "mine": b"1"}, lease=lease)
    known = Known(registry, ROOT)
    for round_ in range(2):
        await write(registry, b"before %d" % round_)
        await known.until(says(KEY, b"before %d" % round_))
        gone = asked(three, registry)
        gone.kill() if end == "kill" else gone.pause()
        assert await registry.get(ROOT + "mine")
        await write(registry, b"after %d" % round_)
        await known.until(says(KEY, b"after %d" % round_))
        assert asked(three, registry) is not gone
        gone.restart() if end == "kill" else gone.resume()
        three.wait()
    before = lease.until
    await until(lambda: lease.until > before)
    assert not lease.lost
    assert known.resets == 1
    # The first value may have come with the first reset.
    assert list(dict.fromkeys(known.values))[-3:] == [b"after 0", b"before 1", b"after 1"]


@pytest.mark.parametrize("end", ["kill", "pause"])
async def test_only_the_watch_notices(three: Etcd, registry: EtcdRegistry, end: str) -> None:
    """No call tells the registry that the member of its watch is away."""
    known = Known(registry, ROOT)
    await write(registry, b"before")
    await known.until(lambda known: KEY in known.entries)
    gone = asked(three, registry)
    other = EtcdRegistry(three.settings(), SystemClock())
    gone.kill() if end == "kill" else gone.pause()
    await write(other, b"after")
    await known.until(says(KEY, b"after"))
    assert known.resets == 1
    await other.close()


@pytest.mark.parametrize("end", ["kill", "pause"])
async def test_without_a_quorum_it_waits_and_recovers(three: Etcd, end: str) -> None:
    registry = EtcdRegistry(three.settings(request_timeout_s=3), SystemClock())
    await write(registry, b"before")
    known = Known(registry, ROOT)
    await known.until(lambda known: KEY in known.entries)
    left = asked(three, registry)
    gone = [member for member in three.members if member is not left]
    for member in gone:
        member.kill() if end == "kill" else member.pause()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await registry.get(KEY)
        with pytest.raises(Unavailable):
            await registry.change({KEY: b"lost"})
        with pytest.raises(Unavailable):
            await registry.grant(2)
    for member in gone:
        member.restart() if end == "kill" else member.resume()
    three.wait()
    await write(registry, b"after")
    await known.until(says(KEY, b"after"))
    assert known.resets == 1
    await registry.close()


async def test_one_session_through_a_member_after_the_other(three: Etcd, registry: EtcdRegistry) -> None:
    """A rolling upgrade of etcd: no reader starts over, no lease is lost."""
    known = Known(registry, ROOT)
    await known.until(lambda known: known.resets == 1)
    lease = await registry.grant(20)
    for number, member in enumerate(three.members):
        member.stop()
        await write(registry, b"%d" % number)
        three.restart()
    await known.until(says(KEY, b"2"))
    assert known.resets == 1
    assert list(dict.fromkeys(known.values)) == [b"0", b"1", b"2"]
    assert not lease.lost

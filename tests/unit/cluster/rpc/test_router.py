"""cluster/rpc/router.py, over a network in memory"""

import asyncio
import random

import pytest

from cluster.errors import Moved, NotFound, Refused, Unavailable
from cluster.rpc import router as module
from cluster.rpc.link import Link, LinkDown
from cluster.rpc.memory_link import MemoryNetwork
from cluster.rpc.router import Router
from cluster.rpc.server import Server
from tests.unit.cluster.rpc.ends import MOVED, Fixed, Heard, LoopClock, Script, settle
from tests.virtual import run


class World:
    """A router, and servers that it may find."""

    def __init__(self, **options: int) -> None:
        self.network = MemoryNetwork()
        self.places = Fixed()
        self.dialled: list[str] = []
        self.fails: dict[str, Exception] = {}
        self.router = Router(self.places, self, LoopClock(), random.Random(1), **options)

    async def dial(self, address: str) -> Link:
        self.dialled.append(address)
        await asyncio.sleep(0)
        if address in self.fails:
            raise self.fails[address]
        return await self.network.dial(address)

    def serve(self, address: str) -> Script:
        script = Script()
        self.network.listen(address, Server({"x": script}).serve)
        return script

    async def call(self, slot: int, body: bytes = b"a", timeout_s: float = 10) -> bytes:
        return await self.router.call("x", slot, body, timeout_s=timeout_s)


async def test_calls_to_one_process_share_one_stream() -> None:
    world = World()
    world.serve("a:1")
    for slot in range(10):
        world.places.set(slot, "a:1")
    assert await asyncio.gather(*[world.call(slot) for slot in range(10)]) == [b"<a>"] * 10
    assert await world.call(3) == b"<a>"
    assert world.dialled == ["a:1"]
    await world.router.close()


async def test_a_call_waits_for_an_owner_and_fails_at_the_deadline_with_the_reason() -> None:
    world = World()
    world.serve("a:1")
    waiting = asyncio.create_task(world.call(5))
    await settle()
    world.places.set(5, "a:1")
    assert await waiting == b"<a>"
    with pytest.raises(Unavailable) as caught:
        await world.call(6, timeout_s=0.02)
    assert "x slot 6, owner nobody" in caught.value.log
    assert "6" not in caught.value.says
    await world.router.close()


async def test_a_call_follows_a_slot_that_moves() -> None:
    world = World()
    old, new = world.serve("a:1"), world.serve("b:1")
    old.fails = MOVED
    world.places.set(5, "a:1")
    waiting = asyncio.create_task(world.call(5))
    await settle(60)
    assert old.begun
    assert not waiting.done()
    world.places.set(5, "b:1")
    assert await waiting == b"<a>"
    assert new.begun == [(5, b"a")]
    await world.router.close()


async def test_a_call_whose_link_breaks_is_made_again_to_the_owner_of_then() -> None:
    world = World()
    old, new = world.serve("a:1"), world.serve("b:1")
    old.gate(b"a")
    world.places.set(5, "a:1")
    waiting = asyncio.create_task(world.call(5))
    await settle(60)
    assert old.begun
    world.network.stop("a:1")
    world.places.set(5, "b:1")
    assert await waiting == b"<a>"
    assert new.begun == [(5, b"a")]
    assert world.router.streams == 1
    await world.router.close()


async def test_other_troubles_pass_and_the_deadline_names_the_owner() -> None:
    world = World()
    script = world.serve("a:1")
    world.places.set(5, "a:1", 7)
    for kind in (NotFound, Refused):
        script.fails = kind("No.")
        with pytest.raises(kind):
            await world.call(5)
    assert len(script.begun) == 2
    script.fails = MOVED
    with pytest.raises(Unavailable) as caught:
        await world.call(5, timeout_s=0.03)
    assert type(caught.value) is Unavailable
    assert "x slot 5, owner m at a:1, incarnation 7" in caught.value.log
    assert "to elsewhere" in caught.value.log
    await world.router.close()


async def test_what_is_dialled_in_vain_is_dialled_again_with_growing_pauses() -> None:
    world = World()
    world.fails["a:1"] = LinkDown("nobody")
    world.places.set(5, "a:1")
    with pytest.raises(Unavailable, match="nobody"):
        await world.call(5, timeout_s=0.1)
    assert 3 <= len(world.dialled) <= 10
    pauses = world.places.asked
    assert module.BACKOFF_FIRST_S / 2 <= pauses[0] <= module.BACKOFF_FIRST_S
    assert max(pauses) <= module.BACKOFF_MAX_S
    assert world.router.streams == 0
    world.fails["a:1"] = ValueError("a defect")
    with pytest.raises(Unavailable):
        await world.call(5, timeout_s=0.05)
    assert world.router.streams == 0
    world.fails["a:1"] = Refused("No trust.", log="certificate of another authority")
    with pytest.raises(Unavailable, match="certificate of another authority"):
        await world.call(5, timeout_s=0.02)
    await world.router.close()


async def test_another_start_of_a_process_gets_a_stream_of_its_own() -> None:
    world = World()
    world.serve("a:1")
    world.places.set(5, "a:1", 1)
    await world.call(5)
    world.places.set(5, "a:1", 2)
    await world.call(5)
    assert world.dialled == ["a:1", "a:1"]
    await world.router.close()


async def test_subscriptions_find_the_owner_too_and_hear_of_its_end() -> None:
    world = World()
    script = world.serve("a:1")
    world.places.set(5, "a:1")
    heard = Heard()
    script.early = [b"early"]
    hold = await world.router.subscribe("x", 5, b"s", heard)
    assert (hold.first, heard.bodies) == (b"first", [])
    await settle()
    assert heard.bodies == [b"early"]
    world.network.stop("a:1")
    await settle()
    assert [type(loss) for loss in heard.losses] == [Unavailable]
    script.fails = Moved("Moved.")
    with pytest.raises(Unavailable):
        await world.router.subscribe("x", 5, b"s", heard, timeout_s=0.02)
    await world.router.close()


async def test_streams_are_bounded_and_an_unused_one_makes_room() -> None:
    world = World(lines_max=1)
    first = world.serve("a:1")
    world.serve("b:1")
    world.places.set(1, "a:1")
    world.places.set(2, "b:1")
    gate = first.gate(b"slow")
    slow = asyncio.create_task(world.call(1, b"slow"))
    await settle(60)
    with pytest.raises(Unavailable, match="all are used"):
        await world.call(2, timeout_s=0.02)
    gate.set_result(b"done")
    assert await slow == b"done"
    assert await world.call(2) == b"<a>"
    assert world.router.streams == 1
    await world.router.close()


async def test_a_stream_that_nobody_uses_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_S", 0.01)
    world = World()
    world.serve("a:1")
    world.places.set(5, "a:1")
    await world.call(5)
    async with asyncio.timeout(10):
        while world.router.streams:
            await asyncio.sleep(0.005)
    assert await world.call(5) == b"<a>"
    await world.router.close()


async def test_a_router_that_closes_ends_what_waits() -> None:
    world = World()
    world.serve("a:1").gate(b"slow")
    world.places.set(5, "a:1")
    slow = asyncio.create_task(world.call(5, b"slow"))
    await settle(60)
    await world.router.close()
    with pytest.raises(Unavailable):
        await slow
    with pytest.raises(Unavailable, match="closed"):
        await world.call(5)


async def test_a_router_that_closes_while_it_dials_fails_who_waits() -> None:
    world = World()
    world.places.set(5, "a:1")
    waiting = asyncio.create_task(world.call(5))
    while not world.dialled:
        await asyncio.sleep(0)
    await world.router.close()
    with pytest.raises(Unavailable):
        await waiting


def test_who_hears_moved_again_and_again_asks_seldom_and_news_wakes_it() -> None:
    async def scenario() -> None:
        world = World()
        script, new = world.serve("a:1"), world.serve("b:1")
        script.fails = MOVED
        world.places.set(5, "a:1")
        with pytest.raises(Unavailable):
            await world.call(5, timeout_s=20)
        assert len(script.begun) <= 40, "all that is subscribed does this while leases cannot be renewed"
        waiting = asyncio.create_task(world.call(5, timeout_s=20))
        await asyncio.sleep(10)
        begin = asyncio.get_running_loop().time()
        world.places.set(5, "b:1")
        await waiting
        assert new.begun
        assert asyncio.get_running_loop().time() - begin < module.BACKOFF_FIRST_S
        await world.router.close()

    run(scenario())

"""Memory that all requests of a server share: who waits, who is passed over, who is sent away."""

import asyncio
import random

import pytest

from gateway.web import room as module
from gateway.web.answers import HttpError
from gateway.web.room import Room
from tests.unit.gateway.web.world import World


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_finds_none_waits_in_the_order_of_coming() -> None:
    room, served = Room(100), list[str]()
    give = await room.take(50, "a")
    other = await room.take(30, "b")

    async def take(octets: int, whose: str) -> None:
        give = await room.take(octets, whose)
        served.append(whose)
        give()

    tasks = [asyncio.ensure_future(take(size, whose)) for size, whose in ((40, "c"), (10, "d"), (50, "a"))]
    await turns()
    assert served == []  # there would be 20 for d, but c came first
    other()
    await turns()
    assert served == ["c", "d"]
    give()
    give()  # once
    await asyncio.gather(*tasks)
    assert served[2] == "a"
    assert room.left == 100


async def test_one_holder_has_half_and_is_in_nobodys_way() -> None:
    room = Room(100)
    give = room.take_now(1000, "a")  # more than there is: the half
    assert give is not None
    assert room.left == 50
    waiting = asyncio.ensure_future(room.take(10, "a"))
    await turns()
    assert not waiting.done()
    assert room.take_now(50, "b") is not None
    assert room.take_now(1, "c") is None
    give()
    (await waiting)()
    assert room.left == 50


async def test_who_waits_too_long_is_sent_away_and_blocks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.01)
    room = Room(100)
    assert room.take_now(50, "a") is not None
    assert room.take_now(30, "b") is not None
    with pytest.raises(HttpError) as error:
        await room.take(50, "c")
    assert error.value.status == 503
    assert room.take_now(20, "d") is not None
    assert not room._waiting


@pytest.mark.parametrize("seed", range(20))
async def test_all_is_given_back_whoever_leaves(seed: int) -> None:
    dice, room = random.Random(seed), Room(100)

    async def one() -> None:
        give = await room.take(dice.randrange(1, 60), dice.choice("abc"))
        try:
            assert room.left >= 0
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
        finally:
            give()

    tasks = [asyncio.ensure_future(one()) for _ in range(60)]
    for _ in range(30):
        await asyncio.sleep(0)
        dice.choice(tasks).cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (room.left, len(room._held), len(room._waiting)) == (100, 0, 0)


async def test_large_bodies_wait_for_one_another() -> None:
    world = World(memory_bytes_max=1024 * 1024)
    world.make_large(400_000)
    head = b"POST /large HTTP/1.1\r\nHost: a.test\r\nContent-Length: 400000\r\n\r\n"
    clients = [world.connect(f"192.0.2.{number}") for number in range(3)]
    for client in clients:
        await client.send(head + b"x" * 1000)
    assert world.server.room.left == 1024 * 1024 - 800_000
    for client in clients[:2]:
        await client.send(b"x" * 399_000)
    assert all(not client.wire.out for client in clients)  # the handler waits
    await clients[0].leave()
    await clients[2].send(b"x" * 399_000)
    world.gate.set()
    await clients[2].settle()
    assert [client.response().status for client in clients[1:]] == [200, 200]
    assert world.server.room.left == 1024 * 1024

"""Subscriptions end with what they were made with (RFC 8620 7.2)."""

import asyncio

import pytest

from gateway.push.sender import Party
from gateway.sentry import TOGETHER
from tests.unit.gateway.push.test_sender import World
from tests.unit.gateway.push.world import ALICE


@pytest.fixture
def world() -> World:
    return World()


async def test_it_ends_with_what_it_was_made_with(world: World) -> None:
    process = world.process()
    await world.subscribe(process, types=["Email"], credential="password:1")
    await world.subscribe(process, name="P2", types=["Email"], credential="app:2")
    await world.run()
    world.revoked.add("password:1")
    world.mail[ALICE].change("flags")
    await world.run()
    assert [message.path for message in world.service.taken] == ["/P2"]
    assert world.mail[ALICE].subscriptions.keys() == {"P2"}


async def test_it_is_gone_even_where_nothing_happens(world: World) -> None:
    process = world.process()
    await world.subscribe(process, credential="password:1")
    await world.run()
    world.revoked.add("password:1")
    await process.sender.tend()
    await world.run()
    assert not world.mail[ALICE].subscriptions


async def test_to_look_at_all_keeps_nobody_waiting(world: World) -> None:
    process = world.process(set())
    listener = await process.watcher.listen(ALICE)
    for number in range(10 * TOGETHER):
        party = process.sender._parties[number] = Party(number, listener)
        party.credentials, party.ends_ms = frozenset({"password:1"}), 2**62
    turns = 0
    looking = asyncio.ensure_future(process.sender.tend())
    while not looking.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 10

"""Subscriptions end with what they were made with (RFC 8620 7.2)."""

import pytest

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

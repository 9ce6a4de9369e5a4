"""Subscriptions end with the key they were made under (RFC 9749 5)."""

import pytest

from gateway.push.pusher import KEYS_S, LAST_DAYS
from tests.unit.gateway.push.test_sender import World
from tests.unit.gateway.push.world import ALICE, BOB


@pytest.fixture
def world() -> World:
    return World()


async def test_old_subscriptions_are_signed_with_the_old_key_until_it_goes(world: World) -> None:
    process = world.process()
    old = await process.desk.server_key()
    await world.subscribe(process, ALICE, "P1", ["Email"], expires_ms=world.clock.now_ms() + 365 * 86_400_000)
    await world.run()
    for days in (99, 2):
        assert await process.desk.server_key() == old
        world.clock.advance(days * 86_400)
        await process.sender.tend()
    new = await process.desk.server_key()
    assert new != old
    await world.subscribe(process, BOB, "P2", ["Email"], expires_ms=world.clock.now_ms() + 365 * 86_400_000)
    await world.run()
    world.mail[ALICE].change("flags")
    world.mail[BOB].change("flags")
    await world.run()
    assert {message.path: message.key for message in world.service.taken} == {"/P1": old, "/P2": new}
    world.clock.advance(14 * 86_400 + 1)
    await process.sender.tend()
    await world.rest()
    assert world.mail[ALICE].subscriptions == {}  # RFC 9749 5
    assert world.mail[BOB].subscriptions.keys() == {"P2"}


@pytest.mark.parametrize(("types", "told"), [(None, True), (["PushSubscription"], True), (["Email"], False)])
async def test_who_wants_to_know_is_told_when_his_key_goes(world: World, types: list[str] | None, told: bool) -> None:
    process = world.process()
    old = await process.desk.server_key()
    await world.subscribe(process, ALICE, "P1", types, expires_ms=world.clock.now_ms() + 365 * 86_400_000)
    await world.run()
    for days in (101, 14):
        world.clock.advance(days * 86_400)
        await process.sender.tend()
        await world.rest()
    world.service.taken.clear()
    world.clock.advance(KEYS_S)
    await process.sender.tend()
    await world.rest()
    assert world.mail[ALICE].subscriptions == {}
    state = str(world.mail[ALICE].modseq)
    last = [({"@type": "StateChange", "changed": {"A1f": {"PushSubscription": state}}}, old)]
    assert [(message.content, message.key) for message in world.service.taken] == (last if told else [])
    world.clock.advance((LAST_DAYS + 1) * 86_400)
    await process.sender.tend()
    assert [one.replaced_ms for one in await process.client.seeds(b"")] == [None]

"""Wishes as they reach the registry, and how far they are."""

import asyncio

import msgspec
import pytest

from cluster.errors import NotFound
from cluster.membership.members import Drain, Wanted
from ops.cluster.operations import drain, follow, look, scale, undrain
from ops.cluster.picture import picture
from ops.cluster.progress import draining, weight_of
from tests.unit.ops.cluster.conftest import LAYOUT, World


async def test_scaling_changes_what_it_names_alone(world: World) -> None:
    assert await scale(world.registry, LAYOUT, {}) == Wanted()
    assert await world.registry.get(LAYOUT.wanted) is not None  # for people, and for the next who compares
    await scale(world.registry, LAYOUT, {"mailbox": 3})
    await scale(world.registry, LAYOUT, {"queue": 2})
    assert (await look(world.registry, LAYOUT)).wanted == Wanted(mailbox=3, queue=2)


async def test_two_who_scale_at_once_both_are_heard(world: World) -> None:
    await asyncio.gather(
        scale(world.registry, LAYOUT, {"mailbox": 3}),
        scale(world.registry, LAYOUT, {"queue": 4}),
        scale(world.registry, LAYOUT, {"gateway": 5}),
    )
    assert (await look(world.registry, LAYOUT)).wanted == Wanted(mailbox=3, queue=4, gateway=5)


async def test_a_drain_says_who_asked_and_the_first_stays(world: World) -> None:
    await world.announce("mailbox-a-1")
    await drain(world.registry, LAYOUT, "a", "ann", world.clock)
    await drain(world.registry, LAYOUT, "a", "bob", world.clock)
    entry = await world.registry.get(f"{LAYOUT.drains}a")
    assert entry is not None
    assert msgspec.json.decode(entry.value, type=Drain) == Drain("ann", world.clock.now_ms())
    await undrain(world.registry, LAYOUT, "a")
    assert (await look(world.registry, LAYOUT)).drains == {}


async def test_a_node_that_is_not_there_is_told_with_those_that_are(world: World) -> None:
    await world.announce("mailbox-a-1", "gateway-b-1")
    with pytest.raises(NotFound, match="no node c; there are a, b"):
        await drain(world.registry, LAYOUT, "c", "ann", world.clock)
    with pytest.raises(NotFound, match="not being drained"):
        await undrain(world.registry, LAYOUT, "a")


async def test_progress_is_told_until_it_is_over(world: World) -> None:
    await world.announce("mailbox-a-1", "mailbox-b-1")
    await world.own("mailbox", "mailbox-a-1")
    most = weight_of(picture(await look(world.registry, LAYOUT)), "a")
    told = []
    async for now in follow(world.registry, LAYOUT, lambda state: draining(state, "a", most)):
        told.append(now.done)
        if now.done == 0:
            await world.own("mailbox", "mailbox-b-1")
        elif f"{LAYOUT.shards}mailbox/mailbox-a-1" in (await world.registry.snapshot(LAYOUT.shards)).entries:
            await world.registry.change({}, deletes=[f"{LAYOUT.shards}mailbox/mailbox-a-1"])
    assert told == [0, 4096, 4097]

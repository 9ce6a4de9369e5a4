"""When a process that is announced is over: replaced, or broken in a way that only another process mends."""

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from cluster.membership.members import Layout, Member
from cluster.membership.memory import MemoryRegistryServer
from cluster.membership.session import Session
from cluster.placement.watching import Watching
from ops.roles.ground import Announced
from tests.virtual import LoopClock, run

LAYOUT = Layout("test")
TTL_S = 6
LONG_S = 10 * TTL_S


class World:
    """One announced process."""

    def __init__(self) -> None:
        self.server = MemoryRegistryServer()
        self.alive = True
        self.session, self.watching = self.process(1)
        self.announced = Announced(self.session, lambda: self.alive)

    def process(self, incarnation: int) -> tuple[Session, Watching]:
        """It, or its successor."""
        clock = LoopClock()
        registry = self.server.connect(clock)
        watching = Watching(registry, LAYOUT)
        watching.start()
        member = Member("mailbox-n1-1", "mailbox", "n1", incarnation=incarnation)
        session = Session(registry, LAYOUT, member, clock=clock, ttl_s=TTL_S)
        session.start()
        return session, watching


def broken(*_: Any) -> NoReturn:
    raise ZeroDivisionError


async def goes_on(world: World) -> "asyncio.Task[None]":
    """It is not over by itself."""
    ended = asyncio.create_task(world.announced.ended())
    await asyncio.sleep(LONG_S)
    assert world.session.holds
    assert not ended.done()
    return ended


def test_replaced() -> None:
    async def scenario() -> None:
        world = World()
        ended = await goes_on(world)
        world.process(2)
        await asyncio.wait_for(ended, LONG_S)

    run(scenario())


def test_what_it_announces_is_dead() -> None:
    async def scenario() -> None:
        world = World()
        ended = await goes_on(world)
        world.alive = False
        await asyncio.wait_for(ended, LONG_S)

    run(scenario())


def break_session(world: World) -> None:
    world.session._announce = broken  # type: ignore[method-assign]
    world.server.expire(world.session.member.lease)


@pytest.mark.parametrize("defect", [break_session])
def test_a_defect_ends_it(defect: Callable[[World], None]) -> None:
    async def scenario() -> None:
        world = World()
        ended = await goes_on(world)
        defect(world)
        world.server.expire(world.session.member.lease)  # something happens in the registry
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(ended, LONG_S)

    run(scenario())

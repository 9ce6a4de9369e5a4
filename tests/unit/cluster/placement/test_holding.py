"""The rights of a shard: from the map and its lease, and back after a release that led nowhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cluster.errors import Moved
from cluster.membership.memory import MemoryRegistry
from cluster.membership.session import Session, announced
from cluster.placement.claims import Claim
from cluster.placement.holding import RELEASE_HOLD_S, Holding
from cluster.placement.slotmap import PAGE_SLOTS, Assignment, encode_page
from cluster.placement.watching import Watching
from tests.unit.cluster.placement.fakes import LAYOUT, member, run, server

ME = member("mailbox-a-0", incarnation=7)


class Stage:
    """A shard that owns the first page, its registry, and another's."""

    def __init__(self, mine: MemoryRegistry, other: MemoryRegistry, session: Session, holding: Holding) -> None:
        self.mine = mine
        self.other = other
        self.session = session
        self.holding = holding

    async def give(self, shard: str, epoch: int) -> None:
        page = encode_page(0, (Assignment(shard, epoch),) * PAGE_SLOTS)
        await self.other.change({LAYOUT.page("mailbox", 0): page})
        await asyncio.sleep(0.1)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    machine, clock = server()
    mine, other = machine.connect(clock), machine.connect(clock)
    watching = Watching(mine, LAYOUT)
    watching.start()
    session = Session(mine, LAYOUT, ME, clock=clock, ttl_s=3)
    async with announced(session):
        await session.wait_for("announced")
        it = Stage(mine, other, session, Holding(watching, session, clock))
        await it.give(ME.name, 10)
        yield it
    await watching.close()


def test_the_claim_is_the_maps_epoch_and_the_own_incarnation() -> None:
    async def scenario() -> None:
        async with stage() as it:
            assert it.holding.claim(5) == Claim(10, 7)
            with pytest.raises(Moved):
                it.holding.claim(PAGE_SLOTS)
            await it.give("mailbox-b-0", 11)
            with pytest.raises(Moved):
                it.holding.claim(5)
            await it.give(ME.name, 12)
            assert it.holding.claim(5) == Claim(12, 7)

    run(scenario())


def test_past_the_lease_there_is_no_right() -> None:
    async def scenario() -> None:
        async with stage() as it:
            await asyncio.sleep(60)
            assert it.holding.claim(5)  # renewed
            it.mine.cut()
            await asyncio.sleep(1.5)
            assert it.holding.claim(5)
            await asyncio.sleep(1.6)
            with pytest.raises(Moved, match="lease"):
                it.holding.claim(5)

    run(scenario())


def test_a_new_lease_gives_no_right_by_an_old_map() -> None:
    # Found by the simulator (sim --seed 175): a shard came back, announced itself, and answered from what it remembered
    # for a slot that another had owned meanwhile, since it had yet to hear of that.
    async def scenario() -> None:
        async with stage() as it:
            it.mine.cut()
            await it.session.wait_for("lost")
            await it.give("mailbox-b-0", 11)
            tell, it.mine.server.tell = it.mine.server.tell, lambda: None  # type: ignore[method-assign]
            it.mine.heal()
            while it.session.until < it.mine.clock.monotonic():
                await asyncio.sleep(0.1)
            with pytest.raises(Moved, match="older"):
                it.holding.claim(5)
            it.mine.server.tell = tell  # type: ignore[method-assign]
            tell()
            await asyncio.sleep(0.1)
            with pytest.raises(Moved, match="belongs"):
                it.holding.claim(5)
            await it.give(ME.name, 12)
            assert it.holding.claim(5) == Claim(12, 7)

    run(scenario())


def test_a_successor_ends_the_right() -> None:
    async def scenario() -> None:
        async with stage() as it:
            clock = it.mine.clock
            async with announced(Session(it.other, LAYOUT, member(ME.name, incarnation=8), clock=clock, ttl_s=3)):
                await it.session.wait_for("replaced")
                with pytest.raises(Moved):
                    it.holding.claim(5)

    run(scenario())


def test_a_released_slot_comes_back_after_a_while_if_nobody_else_was_given_it() -> None:
    async def scenario() -> None:
        async with stage() as it:
            it.holding.release(5)
            with pytest.raises(Moved):
                it.holding.claim(5)
            assert it.holding.claim(6) == Claim(10, 7)
            await asyncio.sleep(RELEASE_HOLD_S - 0.1)
            with pytest.raises(Moved):
                it.holding.claim(5)
            await asyncio.sleep(0.2)
            assert it.holding.claim(5) == Claim(10, 7)

    run(scenario())


def test_a_new_assignment_ends_the_release_at_once() -> None:
    async def scenario() -> None:
        async with stage() as it:
            it.holding.release(5)
            await it.give(ME.name, 11)
            assert it.holding.claim(5) == Claim(11, 7)
            it.holding.release(5)
            await it.give("mailbox-b-0", 12)
            with pytest.raises(Moved):
                it.holding.claim(5)

    run(scenario())

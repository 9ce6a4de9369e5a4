"""A small shard as its process has it: what it released is not taken up again by the next call."""

from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from actors.greylist.client import GreylistClient
from actors.greylist.keys import slot_of, triplet
from actors.shell.client import Direct
from cluster.clock import ManualClock
from cluster.errors import Moved
from cluster.membership.members import Layout, Member
from cluster.membership.memory import MemoryRegistryServer
from cluster.membership.registry import Entry, Update
from cluster.meta.memory import MemoryStore
from cluster.placement.holding import RELEASE_HOLD_S, Holding
from cluster.placement.slotmap import PAGE_SLOTS, Assignment, encode_page
from cluster.placement.watching import Watching
from ops.roles.shard import KINDS
from ops.settings import Settings

LAYOUT = Layout("test")
ME = Member("greylist-a-1", "greylist", "a", incarnation=7)
WHO = ("192.0.2.0/24", "a@example.org", "b@example.net")


class Here:
    """Announced for ever."""

    member = ME
    until = float("inf")
    revision = 0


def give(watching: Watching, epoch: int) -> None:
    """All slots are this shard's."""
    page = Entry(encode_page(0, (Assignment(ME.name, epoch),) * PAGE_SLOTS), 1, epoch)
    watching.known.apply(Update(epoch, {LAYOUT.page("greylist", number): page for number in range(16)}))


async def test_what_was_released_is_not_taken_up_again_by_the_next_call() -> None:
    clock = ManualClock()
    watching = Watching(MemoryRegistryServer().connect(clock), LAYOUT)
    give(watching, 1)
    ground = SimpleNamespace(
        settings=Settings(), store=MemoryStore(), clock=clock, incarnation=7, metrics=CollectorRegistry()
    )
    async with AsyncExitStack() as stack:
        made = await KINDS["greylist"](stack, cast("Any", ground), Holding(watching, Here(), clock))
        client = GreylistClient(Direct({"greylist": made.service}))
        slot = slot_of(triplet(*WHO))
        await client.check(*WHO)
        await made.release(slot)
        with pytest.raises(Moved):
            await client.check(*WHO)
        clock.advance(RELEASE_HOLD_S)
        await client.check(*WHO)
        await made.release(slot)
        give(watching, 2)
        await client.check(*WHO)

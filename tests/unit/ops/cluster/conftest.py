"""A registry in memory with a small cluster in it."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from cluster.clock import ManualClock
from cluster.membership.members import Layout, Member
from cluster.membership.memory import MemoryRegistry, MemoryRegistryServer
from cluster.placement.slotmap import PAGE_SLOTS, PAGES, Assignment, encode_page

LAYOUT = Layout("test")


class World:
    """The registry, and how to fill it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.registry = MemoryRegistry(MemoryRegistryServer(), self.clock)

    async def announce(self, *names: str) -> None:
        """These processes are there."""
        for name in names:
            kind, node, _ = name.split("-")
            member = Member(name=name, kind=kind, node=node, address=f"{node}:1", process=7)
            await self.registry.change({LAYOUT.member(member): msgspec.json.encode(member)})

    async def own(self, kind: str, shard: str) -> None:
        """A shard owns every slot of the kind."""
        page = (Assignment(shard, 1),) * PAGE_SLOTS
        await self.registry.change({LAYOUT.page(kind, number): encode_page(number, page) for number in range(PAGES)})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.registry.close()

"""Rounds of the supervisor, over a fleet in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from cluster.clock import ManualClock
from cluster.errors import Unavailable
from cluster.hosting.ray.place import Boot
from cluster.hosting.ray.plan import RayNode
from cluster.hosting.ray.supervisor import APART_S, RETIRE_S_MAX, SILENT_S, Supervisor
from cluster.membership.members import Drain, Layout, Member, Wanted
from cluster.membership.memory import MemoryRegistry, MemoryRegistryServer
from cluster.membership.registry import CHANGES_MAX, Update
from cluster.placement.known import Known
from cluster.placement.slotmap import NOTHING, PAGE_SLOTS, Assignment, encode_page

LAYOUT = Layout("test")


class FakeFleet:
    """Processes are names; `stuck` ones never leave."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.stuck: set[str] = set()
        self.mute: set[str] = set()
        self.homes: dict[str, str] = {}
        self.away = False
        self.calls: list[str] = []

    def nodes(self) -> list[RayNode]:
        """Two."""
        if self.away:
            raise Unavailable("Ray does not answer.")
        return [RayNode("a", "id-a"), RayNode("b", "id-b")]

    def actors(self) -> set[str]:
        """Of Fleet."""
        return set(self.names)

    def create(self, boot: Boot, node: str) -> None:
        """Of Fleet."""
        self.calls.append(f"create {boot.name} {node}")
        self.homes[boot.name] = node
        self.names.add(boot.name)

    def retire(self, name: str) -> bool:
        """Of Fleet."""
        self.calls.append(f"retire {name}")
        return name not in self.stuck

    def ping(self, name: str) -> str:
        """Of Fleet."""
        if name in self.mute:
            raise Unavailable("It does not answer.")
        return "starting"

    def home(self, name: str) -> str:
        """Of Fleet."""
        if name in self.mute:
            raise Unavailable("It does not answer.")
        return self.homes[name]

    def remove(self, name: str) -> None:
        """Of Fleet."""
        self.calls.append(f"remove {name}")
        self.names.discard(name)


class World:
    """A supervisor and all that it sees."""

    def __init__(self) -> None:
        self.fleet, self.clock, self.known = FakeFleet(), ManualClock(), Known(LAYOUT)
        self.registry = MemoryRegistry(MemoryRegistryServer(), self.clock)
        self.supervisor = Supervisor(
            self.fleet,
            self.known,
            self.registry,
            LAYOUT,
            self.clock,
            lambda name: Boot(name.role, str(name), name.node, "e", "s", "/c"),
        )

    async def write(self, key: str, value: bytes | None) -> None:
        """Change the registry."""
        await self.registry.change({key: value} if value is not None else {}, deletes=[] if value else [key])
        await self.learn()

    async def learn(self) -> None:
        """Know what the registry has."""
        snapshot = await self.registry.snapshot(LAYOUT.root)
        self.known.apply(Update(snapshot.revision, snapshot.entries, reset=True))


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    await made.write(LAYOUT.wanted, wanted(1))
    yield made
    await made.registry.close()


def wanted(mailbox: int) -> bytes:
    return msgspec.json.encode(Wanted(mailbox=mailbox, queue=0, reputation=0, greylist=0, throttle=0, gateway=0))


async def test_what_is_missing_is_made_once(world: World, thread: ThreadPoolExecutor) -> None:
    await world.supervisor.round(thread)
    assert world.fleet.names == {"controller-1", "controller-2", "mailbox-a-1", "mailbox-b-1"}
    world.fleet.calls.clear()
    await world.supervisor.round(thread)
    assert world.fleet.calls == []


async def test_a_surplus_shard_is_emptied_then_left_then_removed(world: World, thread: ThreadPoolExecutor) -> None:
    await world.write(LAYOUT.wanted, wanted(2))
    await world.supervisor.round(thread)
    page = (Assignment("mailbox-a-2", 1), *NOTHING[1:])
    await world.write(LAYOUT.page("mailbox", 0), encode_page(0, page))
    await world.write(LAYOUT.wanted, wanted(1))
    await world.supervisor.round(thread)
    await world.learn()
    assert set(world.known.drains) == {"mailbox-a-2"}
    assert "mailbox-a-2" in world.fleet.names
    assert "mailbox-b-2" not in world.fleet.names

    await world.write(LAYOUT.page("mailbox", 0), encode_page(0, NOTHING))
    for _ in range(2):
        await world.supervisor.round(thread)
        await world.learn()
    assert "mailbox-a-2" not in world.fleet.names
    assert world.known.drains == {}


async def test_more_shards_than_one_change_holds_are_emptied_in_turns(world: World, thread: ThreadPoolExecutor) -> None:
    await world.write(LAYOUT.wanted, wanted(CHANGES_MAX))  # on each of two nodes
    await world.supervisor.round(thread)
    names = sorted(name for name in world.fleet.names if name.startswith("mailbox"))
    page = tuple(Assignment(names[n % len(names)], 1) for n in range(PAGE_SLOTS))
    await world.write(LAYOUT.page("mailbox", 0), encode_page(0, page))
    await world.write(LAYOUT.wanted, wanted(1))
    for _ in range(5):
        await world.supervisor.round(thread)
        await world.learn()
    assert len(world.known.drains) == len(names) - 2
    await world.write(LAYOUT.wanted, wanted(CHANGES_MAX))
    for _ in range(5):
        await world.supervisor.round(thread)
        await world.learn()
    assert not world.known.drains


async def test_a_shard_that_is_wanted_again_is_not_emptied(world: World, thread: ThreadPoolExecutor) -> None:
    await world.supervisor.round(thread)
    await world.write(f"{LAYOUT.drains}mailbox-a-1", msgspec.json.encode(Drain("supervisor", 1)))
    await world.write(f"{LAYOUT.drains}b", msgspec.json.encode(Drain("somebody", 1)))
    await world.supervisor.round(thread)
    await world.learn()
    assert set(world.known.drains) == {"b"}


async def test_one_that_does_not_leave_is_ended_at_last(world: World, thread: ThreadPoolExecutor) -> None:
    await world.supervisor.round(thread)
    world.fleet.stuck = {"mailbox-a-1", "mailbox-b-1"}
    await world.write(LAYOUT.wanted, wanted(0))
    await world.supervisor.round(thread)
    assert world.fleet.stuck < world.fleet.names
    world.clock.advance(RETIRE_S_MAX + 1)
    await world.supervisor.round(thread)
    assert not world.fleet.stuck & world.fleet.names


async def test_one_that_was_told_to_leave_and_is_wanted_again_is_made_anew(
    world: World, thread: ThreadPoolExecutor
) -> None:
    await world.supervisor.round(thread)
    world.fleet.stuck = {"mailbox-a-1"}
    await world.write(f"{LAYOUT.drains}a", msgspec.json.encode(Drain("somebody", 1)))
    await world.supervisor.round(thread)
    await world.write(f"{LAYOUT.drains}a", None)
    world.fleet.stuck.clear()
    world.fleet.calls.clear()
    for _ in range(3):
        await world.supervisor.round(thread)
    assert world.fleet.calls == ["retire mailbox-a-1", "remove mailbox-a-1", "create mailbox-a-1 id-a"]


async def test_a_name_without_a_process_is_made_anew_and_a_slow_one_left(
    world: World, thread: ThreadPoolExecutor
) -> None:
    await world.supervisor.round(thread)
    world.fleet.mute = {"mailbox-a-1"}
    await world.supervisor.round(thread)
    world.fleet.calls.clear()
    world.clock.advance(SILENT_S + 1)
    await world.supervisor.round(thread)
    await world.supervisor.round(thread)
    assert world.fleet.calls == ["remove mailbox-a-1", "create mailbox-a-1 id-a"]


async def test_a_controller_that_waits_and_is_not_there_is_made_anew(world: World, thread: ThreadPoolExecutor) -> None:
    await world.supervisor.round(thread)
    await world.write(LAYOUT.leader, msgspec.json.encode(Member("controller-1", "controller", "a")))
    world.fleet.mute = {"controller-1", "controller-2"}
    await world.supervisor.round(thread)
    world.fleet.calls.clear()
    world.clock.advance(SILENT_S + 1)
    await world.supervisor.round(thread)
    await world.supervisor.round(thread)
    assert [call for call in world.fleet.calls if "controller" in call] == [
        "remove controller-2",
        "create controller-2 id-b",
    ]


async def test_controllers_that_came_to_share_a_node_are_parted_and_the_leader_stays(
    world: World, thread: ThreadPoolExecutor
) -> None:
    await world.supervisor.round(thread)
    await world.write(LAYOUT.leader, msgspec.json.encode(Member("controller-2", "controller", "a")))
    world.fleet.homes |= {"controller-1": "id-a", "controller-2": "id-a"}
    world.fleet.calls.clear()
    await world.supervisor.round(thread)
    assert world.fleet.calls == [], "not looked at in every round"
    world.clock.advance(APART_S + 1)
    for _ in range(3):
        await world.supervisor.round(thread)
    assert world.fleet.calls == ["retire controller-1", "remove controller-1", "create controller-1 id-b"]
    world.clock.advance(APART_S + 1)
    await world.supervisor.round(thread)
    assert len(world.fleet.calls) == 3


async def test_ray_being_away_ends_nothing(world: World) -> None:
    world.fleet.away = True
    running = asyncio.create_task(world.supervisor.run())
    await asyncio.wait((running,), timeout=0.05)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert world.fleet.calls == []

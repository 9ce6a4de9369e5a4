"""One cluster of two nodes for all tests of this folder, and a driver's connection to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec
import pytest

from cluster.clock import SystemClock
from cluster.config import load
from cluster.hosting.ray.fleet import RayFleet, connected
from cluster.hosting.ray.place import Boot, Name
from cluster.hosting.ray.supervisor import Supervisor
from cluster.membership.members import Layout, Wanted
from cluster.membership.memory import MemoryRegistry, MemoryRegistryServer
from cluster.placement.watching import Watching
from tests.ray.machines import Machines
from tests.ray.roles import Line, Settings, lines

FEW = Wanted(mailbox=1, queue=0, reputation=0, greylist=0, throttle=0, gateway=1)


class Cluster(NamedTuple):
    """What a test plays with."""

    machines: Machines
    fleet: RayFleet
    settings: Settings

    def boot(self, name: Name) -> Boot:
        """How a process starts."""
        config = str(self.machines.folder / "a.toml")  # on every node the same, as it should be
        return Boot(name.role, str(name), name.node, "tests.ray.roles:role", "tests.ray.roles:Settings", config)

    def lines(self, name: str) -> list[Line]:
        """What a process wrote."""
        return [line for line in lines(self.machines.folder) if line.name == name]

    def serving(self, name: str) -> Line:
        """The start of the process that serves now, waited for."""
        self.machines.wait(lambda: self.lines(name) and self.lines(name)[-1].what == "begin")
        return self.lines(name)[-1]

    def create(self, name: Name) -> Line:
        """Make a process on its node."""
        node = next(node for node in self.fleet.nodes() if node.name == name.node)
        self.fleet.create(self.boot(name), node.id)
        return self.serving(str(name))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head `a` and a node `b`."""
    machines = Machines()
    try:
        machines.start("a")
        machines.start("b")
        settings = load(Settings, machines.config("a"), {})
        with connected(settings.cluster, "auto") as fleet:
            yield Cluster(machines, fleet, settings)
    finally:
        machines.close()


class Watched(NamedTuple):
    """A supervisor, and the registry it reads."""

    supervisor: Supervisor
    registry: MemoryRegistry
    watching: Watching
    layout: Layout

    async def until(self, condition: "object", rounds: int = 100) -> None:
        """Rounds until it holds."""
        assert callable(condition)
        with ThreadPoolExecutor(1) as thread:
            for _ in range(rounds):
                await self.supervisor.round(thread)
                if condition():
                    return
                await asyncio.sleep(0.1)
        raise AssertionError("waited in vain")

    async def write(self, key: str, value: object) -> None:
        """Change the registry, and wait until it is known."""
        before = self.watching.revision
        await self.registry.change({key: msgspec.json.encode(value)})
        while self.watching.revision == before:
            await asyncio.sleep(0.01)


@pytest.fixture
async def watched(cluster: Cluster) -> AsyncIterator[Watched]:
    """Over a registry of its own."""
    clock = SystemClock()
    registry = MemoryRegistry(MemoryRegistryServer(), clock)
    layout = Layout("test")
    watching = Watching(registry, layout)
    watching.start()
    await watching.ready(5)
    supervisor = Supervisor(cluster.fleet, watching.known, registry, layout, clock, cluster.boot)
    made = Watched(supervisor, registry, watching, layout)
    await made.write(layout.wanted, FEW)
    yield made
    await watching.close()
    await registry.close()

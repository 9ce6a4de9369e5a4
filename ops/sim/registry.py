"""The simulated registry: the memory twin, reached over the network.

The law: the server's own timers run on the registry's lane, whoever set them off; each watch hears of changes in order,
but when is the dice's choice.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cluster.clock import Clock
from cluster.errors import Unavailable
from cluster.membership.memory import MemoryRegistry, MemoryRegistryServer
from cluster.membership.registry import Compare, Lease
from ops.sim.loop import Lane
from ops.sim.network import Network

HOST: Final = "registry"
ANSWER_S: Final = 5.0  # EtcdSettings.request_timeout_s
LOST_ANSWERS: Final = 0.05  # of changes, where the network is not what it should be


class SimRegistryServer(MemoryRegistryServer):
    """The server's side. Made in the running loop."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.lane = Lane(HOST)
        self.network = network
        self.is_flaky = False  # answers of changes get lost
        self._due: dict[Any, None] = {}  # watches that will be told
        self._deaf: dict[str, float] = {}  # until when a host's watches are not connected again

    def of(self, lane: Lane, clock: Clock) -> "SimRegistry":
        """A process's registry."""
        return SimRegistry(self, lane, clock)

    def tell(self) -> None:
        """Bring every watch up to date, each when the news reach it."""
        network = self.network
        for watch in self._watches:
            if watch not in self._due:
                self._due[watch] = None
                process = watch._registry
                assert isinstance(process, SimRegistry)
                hears = self._deaf.get(process.host, 0.0)
                network.loop.at(self.lane, max(hears, network.loop.now + network.latency()), self._tell_one, watch)

    def reconnect(self, host: str, seconds: float) -> None:
        """The host's calls arrive again; its watches, which have streams of their own, are so much later."""
        self._deaf[host] = self.network.loop.now + seconds
        self.tell()

    def _tell_one(self, watch: Any) -> None:
        self._due.pop(watch, None)
        if self.up and watch.reachable and watch in self._watches:
            self._tell(watch)

    def _wind(self, lease: int) -> None:
        if (held := self._leases.get(lease)) is not None:
            if held.timer is not None:
                held.timer.cancel()
            held.timer = self._loop.call_later(held.ttl_s, self._expire, lease, context=self.lane.context)

    def _expire(self, lease: int) -> None:
        self.network.trace("lease.over", lease)
        self.expire(lease)


class SimRegistry(MemoryRegistry):
    """One process's side."""

    server: SimRegistryServer

    def __init__(self, server: SimRegistryServer, lane: Lane, clock: Clock) -> None:
        super().__init__(server, clock)
        self._lane = lane
        self.host = lane.name

    @property
    def reachable(self) -> bool:
        """Whether calls arrive, and answers."""
        network = self.server.network
        cut = network.blocked(self._lane.name, HOST) or network.blocked(HOST, self._lane.name)
        return self._lane.alive and not cut and super().reachable

    async def change(
        self,
        puts: Mapping[str, bytes],
        *,
        deletes: Sequence[str] = (),
        when: Sequence[Compare] = (),
        lease: Lease | None = None,
    ) -> int | None:
        """Write all, if all of `when` holds; the revision, or None."""
        network = self.server.network
        lost = self.server.is_flaky and network.dice.random() < LOST_ANSWERS
        self.lose_answer = lost
        done = await super().change(puts, deletes=deletes, when=when, lease=lease)
        network.trace("registry", self._lane.name, done, *sorted(puts), *deletes)
        return done

    async def _arrive(self) -> None:
        network = self.server.network
        await asyncio.sleep(network.latency() * 2)
        if not self.reachable:
            await asyncio.sleep(ANSWER_S)
            raise Unavailable("The registry does not answer; try again later.", log="the registry is cut off")

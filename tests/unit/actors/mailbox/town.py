"""A small cluster in one event loop: shards over one store, a slot map, and gateways that reach them over links.

The data plane is the real one, over links in memory; only who owns what is told by the test.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from actors.mailbox import keys
from actors.mailbox.client import MailboxClient
from actors.mailbox.remote import RemoteOwner
from actors.mailbox.service import KIND, MailboxService
from actors.mailbox.shard import Shard
from cluster.errors import Moved
from cluster.membership.members import Member
from cluster.placement.claims import Claim, next_incarnation
from cluster.rpc.memory_link import MemoryNetwork
from cluster.rpc.router import Router
from cluster.rpc.server import Server
from tests.unit.actors.mailbox.conftest import Inline, Place

NEWS_S_MAX: Final = 0.05  # that a router waits for news, of which the test may give none


@dataclass
class Map:
    """Who should own which slot: one owner of all, but for some slots."""

    owner: str = "a"
    epoch: int = 1
    moved: dict[int, tuple[str, int]] = field(default_factory=dict)

    def at(self, slot: int) -> tuple[str, int]:
        """The owner's name, and the epoch."""
        return self.moved.get(slot, (self.owner, self.epoch))

    def give(self, slot: int, owner: str) -> None:
        """Assign a slot anew."""
        self.moved[slot] = (owner, self.at(slot)[1] + 1)


@dataclass
class Script:
    """The claims of one process, as far as it knows: by the map it sees, while its lease lasts."""

    name: str
    incarnation: int
    map: Map
    lease_over: bool = False

    def claim(self, slot: int) -> Claim | None:
        """By the map."""
        owner, epoch = self.map.at(slot)
        if owner != self.name or self.lease_over:
            raise Moved("The mailbox has moved; try again.", log=f"slot {slot} is {owner}'s")
        return Claim(epoch, self.incarnation)


@dataclass
class Process:
    """A shard with its server."""

    script: Script
    shard: Shard
    address: str


class Town:
    """Processes, the map, and what a gateway has."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.map = Map()
        self.network = MemoryNetwork()
        self.processes: dict[str, Process] = {}
        self.dice = random.Random(5)
        self.router = Router(TownPlaces(self), self.network, place.clock, self.dice)
        self.clients: list[MailboxClient] = []
        self.client = self.gateway()
        self.news = asyncio.Event()

    def gateway(self) -> MailboxClient:
        """What one more gateway has."""
        owner, place = RemoteOwner(self.router, self.dice), self.place
        self.clients.append(MailboxClient(owner, place.store, place.blobs, place.clock, Inline()))
        return self.clients[-1]

    async def start(self, name: str) -> Process:
        """A new process of that name; one that is left of an earlier start goes on, as if it had not noticed."""
        incarnation = await next_incarnation(self.place.store)
        script = Script(name, incarnation, self.map)
        shard = self.place.new_owner(script, incarnation)
        self.listen(name, shard, script)
        return self.processes[name]

    def listen(self, name: str, shard: Shard, script: Script) -> None:
        """Let gateways reach a shard."""
        address = f"{name}:{script.incarnation}"
        self.network.listen(address, Server({KIND: MailboxService(shard)}).serve)
        self.processes[name] = Process(script, shard, address)
        self.tell()

    def kill(self, name: str) -> Process:
        """Its links are down and it is not called any more."""
        process = self.processes.pop(name)
        self.network.stop(process.address)
        self.tell()
        return process

    async def move(self, account: int, to: str) -> None:
        """Release the account's slot and give it to another, as the leader does."""
        slot = keys.slot_of(account)
        await self.processes[self.map.at(slot)[0]].shard.release(slot)
        self.map.give(slot, to)
        self.tell()

    def tell(self) -> None:
        """Something about owners is new."""
        news, self.news = self.news, asyncio.Event()
        news.set()

    def owner_of(self, slot: int) -> Process | None:
        """Who is called for a slot."""
        return self.processes.get(self.map.at(slot)[0])

    async def close(self) -> None:
        """End what gateways have."""
        for client in self.clients:
            client.close()
        await self.router.close()

    def owner_member(self, slot: int) -> Member | None:
        """The owner as others see it."""
        process = self.owner_of(slot)
        if process is None:
            return None
        return Member(process.script.name, KIND, "n", process.address, process.script.incarnation)


class TownPlaces:
    """Places over a town."""

    def __init__(self, town: Town) -> None:
        self._town = town

    def owner(self, kind: str, slot: int) -> Member | None:
        """The map's, if it lives."""
        assert kind == KIND
        return self._town.owner_member(slot)

    async def changed(self, _kind: str, slot: int, known: Member | None, timeout_s: float) -> None:
        """Until it is another, for a moment at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(timeout_s, NEWS_S_MAX)):
                while self._town.owner_member(slot) == known:
                    await self._town.news.wait()


async def until(what: object, tries: int = 2000) -> None:
    """Let others run until something holds; fails if it never does."""
    assert callable(what)
    for _ in range(tries):
        if what():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to be")

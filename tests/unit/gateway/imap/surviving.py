"""An IMAP server in a small cluster (tests/unit/actors/mailbox/town.py) whose owners of mailboxes move and die."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Self
from unittest.mock import patch

from actors.mailbox.remote import RemoteOwner
from actors.mailbox.shard import Shard
from cluster.blobs.memory import MemoryBlobs
from cluster.errors import Moved
from gateway.imap.server import ImapServer
from tests.unit.actors.mailbox.conftest import Place
from tests.unit.actors.mailbox.town import Town
from tests.unit.gateway.imap.world import Counting, Inline, World


class Cluster(World):
    """A world whose mailboxes are in a town: process `a` has all, until somebody moves or kills it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._place = Place(self.store)
        self._place.clock = self.clock
        self._place.blobs = MemoryBlobs(clock=self.clock)
        self.town = Town(self._place)
        owner = RemoteOwner(self.town.router, self.town.dice)
        self.mail = Counting(owner, self.store, self._place.blobs, self.clock, Inline())
        self.services = replace(self.services, mail=self.mail)
        self.server = ImapServer(self.services)
        self.deaths = 0
        self._troubles: list[asyncio.Future[Any]] = []

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self.town.start("a")
        return self

    async def __aexit__(self, *exc: object) -> None:
        await super().__aexit__(*exc)
        await self.town.close()
        for shard in self._place.shards:
            await shard.stop()

    @property
    def owner(self) -> Shard:
        """Who owns all mailboxes."""
        return self.town.processes[self.town.map.owner].shard

    async def move(self) -> None:
        """Another process takes all over, in order: everything is released first, as the leader does."""
        town = self.town
        other = "b" if town.map.owner == "a" else "a"
        if other not in town.processes:
            await town.start(other)
        for slot in list(self.owner.slots):
            await self.owner.release(slot)
        town.map.owner, town.map.epoch = other, town.map.epoch + 1
        town.tell()

    async def die(self, *, again: bool = False) -> None:
        """The owner is killed; another takes over, or its own next start (`again`). What is left of it goes on for a
        while, as a process does that was only cut off."""
        town = self.town
        self.deaths += 1
        name = town.map.owner
        town.kill(name)
        if again:
            await town.start(name)
            return
        other = "b" if name == "a" else "a"
        if other not in town.processes:
            await town.start(other)
        town.map.owner, town.map.epoch = other, town.map.epoch + 1
        town.tell()

    @asynccontextmanager
    async def trouble_with(self, count: int, trouble: Callable[[], Any], *, before: bool) -> Any:
        """The next `count` commands that reach the owner meet it: before they are carried out, or with the answer."""
        left = count

        def troubled(called: Callable[..., Any]) -> Callable[..., Any]:
            async def calling(shard: Shard, *args: Any, **more: Any) -> Any:
                nonlocal left
                if left <= 0:
                    return await called(shard, *args, **more)
                left -= 1
                if not before:
                    await called(shard, *args, **more)
                await self._apart(trouble)
                raise Moved("It is elsewhere now, and its answer is lost.")

            return calling

        with patch.multiple(Shard, ask=troubled(Shard.ask), watch=troubled(Shard.watch)):
            yield
        assert left == 0, "no command reached the owner"

    async def _apart(self, trouble: Callable[[], Any]) -> None:
        """Not within the call that it ends."""
        self._troubles.append(asyncio.ensure_future(trouble()))
        await asyncio.wait(self._troubles[-1:])

    async def quiet(self) -> None:
        """Return when all views are up to date."""
        async with asyncio.timeout(5):
            while any(view.lost for views in self.mail._views._views.values() for view in views.values()):
                await asyncio.sleep(0.001)

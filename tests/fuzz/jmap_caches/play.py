"""Plays what others do beside clients that keep what they know.

Promise: when nothing happens any more, each client that syncs by changes, in pages of any size, has what the server
has. Others do things one after the other, or at the same time as the sync.
"""

import asyncio
import random
from typing import Final

from tests.fuzz.jmap_caches.acting import Act, act
from tests.fuzz.jmap_caches.cache import Cache
from tests.fuzz.jmap_session.play import FarWorld, Player, SmallWorld
from tests.fuzz.session.words import message
from tests.unit.gateway.imap.world import Client
from tests.unit.gateway.jmap.world import ACCOUNTS

STEPS: Final = 60
SYNC_SHARE: Final = 0.35
CHECK_EVERY: Final = 10
AT_ONCE: Final = 3


async def play(seed: int, steps: int = STEPS, *, far: bool = False) -> None:
    """Raises AssertionError for a broken promise."""
    dice = random.Random(seed)
    async with FarWorld() if far else SmallWorld() as world:
        game = _Game(world)
        await game.begin()
        for step in range(steps):
            if dice.random() < 0.5:
                await game.act(act(dice))
                for cache in game.caches:
                    if dice.random() < SYNC_SHARE:
                        await cache.sync()
            else:
                others = [game.act(act(dice)) for _ in range(dice.randint(1, AT_ONCE))]
                await asyncio.gather(*others, *(one.sync() for one in game.caches if dice.random() < SYNC_SHARE))
            if step % CHECK_EVERY == CHECK_EVERY - 1:
                await game.check()
        await game.check()
        assert not [line for line in world.log.lines if line["event"] == "jmap.defect"]


class _Game:
    """Everybody on one world."""

    def __init__(self, world: SmallWorld) -> None:
        self._world = world
        self._player = Player(world)
        self._clients: dict[str, Client] = {}
        self._turns = {login: asyncio.Lock() for login in ACCOUNTS}
        self.caches = [
            *(Cache(world, "alice", "alice", most) for most in (None, 1, 2, 7)),
            *(Cache(world, "bob", "alice", most) for most in (None, 1)),
        ]

    async def begin(self) -> None:
        """Some messages, and clients that know of them."""
        await self._player.begin()
        for seed in range(5):
            await self._world.deliver(message(random.Random(seed)), ACCOUNTS["alice"])
        for login in ("alice", "bob"):
            self._clients[login] = await self._world.connect(login)
            for kind in ("Mailbox", "Email"):
                told = await self._world.ask(login, [[f"{kind}/get", {"accountId": "Ab", "ids": None}, "c"]])
                self._player.learn(login, told)
        for cache in self.caches:
            await cache.sync()

    async def act(self, one: Act) -> None:
        """What comes of it is nobody's matter here."""
        if one.call is not None:
            self._player.learn(one.login, await self._world.ask(one.login, [self._player.filled(one.call, one.login)]))
        elif one.text:
            async with self._turns[one.login]:
                await self._command(one.login, one.text)
        else:
            await self._world.deliver(message(random.Random(one.seed)), ACCOUNTS[one.login])

    async def _command(self, login: str, text: bytes) -> None:
        client = self._clients[login]
        client.send(b"t " + text + b"\r\n")
        while line := await client.line():
            if line.startswith(b"t "):
                return
        self._clients[login] = await self._world.connect(login)  # its mailbox was removed

    async def check(self) -> None:
        """All sync, one after the other; then each has what is there."""
        for cache in self.caches:
            await cache.sync()
        for cache in self.caches:
            await cache.check()

"""The way to one shard over the data plane, on links in memory: for tests that have one beside them otherwise."""

import asyncio
import random
from typing import Final

from actors.mailbox.remote import RemoteOwner
from actors.mailbox.service import KIND, MailboxService
from actors.mailbox.shard import Shard
from cluster.clock import Clock
from cluster.membership.members import Member
from cluster.rpc.memory_link import MemoryNetwork
from cluster.rpc.router import Router
from cluster.rpc.server import Server

_MEMBER: Final = Member("mailbox-n-1", KIND, "n", "there", 1)


class _Places:
    """One shard has all, for ever."""

    def owner(self, _kind: str, _slot: int) -> Member | None:
        return _MEMBER

    async def changed(self, _kind: str, _slot: int, _known: Member | None, _timeout_s: float) -> None:
        await asyncio.sleep(0)


class Way:
    """The way to a shard."""

    def __init__(self, shard: Shard, clock: Clock) -> None:
        dice = random.Random(3)
        self._network = MemoryNetwork()
        self._server = Server({KIND: MailboxService(shard)})
        self._router = Router(_Places(), self._network, clock, dice)
        self.owner = RemoteOwner(self._router, dice)
        self._network.listen(_MEMBER.address, self._server.serve)

    def lose(self) -> None:
        """All links break, with what is under way; new ones can be made at once."""
        self._network.stop(_MEMBER.address)
        self._network.listen(_MEMBER.address, self._server.serve)

    async def close(self) -> None:
        """Leave."""
        await self._router.close()

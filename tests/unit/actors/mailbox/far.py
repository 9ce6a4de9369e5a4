"""The way to one shard over the data plane, on links in memory: for tests that have one beside them otherwise."""

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

    async def changed(self, _kind: str, slot: int, _known: Member | None, _timeout_s: float) -> None:
        raise AssertionError(f"slot {slot} was looked for again")


def far(shard: Shard, clock: Clock) -> tuple[RemoteOwner, Router]:
    """The way, and what has to be closed in the end."""
    network = MemoryNetwork()
    network.listen(_MEMBER.address, Server({KIND: MailboxService(shard)}).serve)
    dice = random.Random(3)
    router = Router(_Places(), network, clock, dice)
    return RemoteOwner(router, dice), router

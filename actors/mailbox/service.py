"""A mailbox shard as a service of the data plane.

The law: a call says no more and no less than the same call in one process. A change is encoded once for all who watch
a mailbox; each subscription hears all changes after its first answer, in order.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from actors.mailbox import events as ev
from actors.mailbox import keys, wire
from actors.mailbox.index import Index
from actors.mailbox.shard import Shard
from actors.mailbox.types import Done, Open, Opened, Tree
from cluster.errors import Refused, Trouble
from cluster.rpc.service import Outlet

KIND: Final = "mailbox"


class MailboxService:
    """Serves one shard to any number of gateways."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._pushing: dict[Outlet, _Pushing] = {}  # the data plane bounds how many
        self._watches: dict[tuple[int, bytes], _Pushing] = {}
        self._last: tuple[Sequence[ev.Event], int, dict[bool, bytes]] = ((), 0, {})

    async def call(self, slot: int, body: bytes) -> bytes:
        """Carry out a call (wire.py). Raises Trouble: Moved when the slot is not here, Refused for nonsense."""
        request = wire.decode_request(body)
        _check_slot(request.account, slot)
        if isinstance(request, wire.Ask):
            return wire.encode_reply(await self._shard.ask(request.account, request.command, request.idem))
        if isinstance(request, wire.AskRoom):
            return wire.encode_room(await self._shard.has_room(request.account, request.size))
        pushing = self._watches.get((request.account, request.watch))
        if pushing is not None:  # else it is lost, and is begun anew with what it wants
            await self._shard.claims(request.account, pushing, request.on)
        return wire.encode_reply(Done(0))

    async def subscribe(self, slot: int, body: bytes, outlet: Outlet) -> bytes:
        """Watch a mailbox or an account: what is there, then changes are pushed. Raises Trouble."""
        watch = wire.decode_watch(body)
        _check_slot(watch.account, slot)
        pushing = _Pushing(self, watch, outlet)
        self._pushing[outlet] = pushing
        self._watches[watch.account, watch.watch] = pushing
        try:
            if watch.follows:
                return wire.encode_reply(await self._shard.follow(watch.account, pushing))
            return await self._watch(watch, pushing)
        except BaseException:
            self.unsubscribed(outlet)
            raise

    async def _watch(self, watch: wire.Watch, pushing: "_Pushing") -> bytes:
        command = Open(watch.name, mailbox=watch.mailbox, who=watch.who)
        opened = await self._shard.watch(watch.account, command, pushing)
        pieces = []
        for piece in pushing.index.pieces():
            pieces.append(piece)
            await asyncio.sleep(0)  # others need not wait for all of a large mailbox
        pushing.index = Index()
        return wire.encode_began(wire.Began(opened, pieces))

    def unsubscribed(self, outlet: Outlet) -> None:
        """The subscriber has left."""
        pushing = self._pushing.pop(outlet, None)
        if pushing is not None:
            watch = pushing.watch
            if self._watches.get((watch.account, watch.watch)) is pushing:
                del self._watches[watch.account, watch.watch]
            if watch.follows:
                self._shard.unfollow(watch.account, pushing)
            else:
                self._shard.unwatch(watch.account, pushing.mailbox, pushing)

    def change(
        self, modseq: int, time_ms: int, events: Sequence[ev.Event], keywords: tuple[str, ...], *, mine: bool
    ) -> bytes:
        """A change as pushed; the last is kept, since all who watch a mailbox are told one after the other."""
        last, last_modseq, bodies = self._last
        if last is not events or last_modseq != modseq:
            bodies = {}
            self._last = (events, modseq, bodies)
        if mine not in bodies:
            bodies[mine] = wire.encode_change(modseq, time_ms, events, keywords, mine=mine)
        return bodies[mine]


class _Pushing:
    """A watcher or follower that is a subscription."""

    def __init__(self, service: MailboxService, watch: wire.Watch, outlet: Outlet) -> None:
        self.watch = watch
        self.claims = watch.claims
        self.index = Index()
        self.mailbox = watch.mailbox
        self._service = service
        self._outlet = outlet

    def opened(self, opened: Opened, index: Index) -> None:
        """The rows for the first answer."""
        self.mailbox = opened.info.id
        self.index = index

    def began(self, tree: Tree) -> None:
        """What is returned is the first answer."""

    def changed(
        self, modseq: int, time_ms: int, events: Sequence[ev.Event], keywords: tuple[str, ...], *, mine: bool
    ) -> None:
        """Push."""
        self._outlet.push(self._service.change(modseq, time_ms, events, keywords, mine=mine))

    def ended(self, trouble: Trouble) -> None:
        """Cut the subscriber off."""
        self._service.unsubscribed(self._outlet)
        self._outlet.end(trouble)


def _check_slot(account: int, slot: int) -> None:
    if keys.slot_of(account) != slot:
        raise Refused("The account is not in that slot.", log=f"a call for slot {slot} is for one of another")

"""The owners of accounts, wherever they are: what a gateway asks in a cluster.

The law: a command that changes something always has a key, so that the data plane may ask again, whoever owns the
account then, and it is carried out once. A watcher is fed in order, and told when it is no more.
"""

import asyncio
from typing import Final

from actors.mailbox import keys, wire
from actors.mailbox.index import joined, load
from actors.mailbox.owner import Follower, Told, Watcher
from actors.mailbox.service import KIND
from actors.mailbox.types import READS, Add, Command, Open, Opened, Reply, Tree
from cluster.clock import Dice
from cluster.errors import Corrupt, Trouble, Unavailable
from cluster.rpc.service import Calling, Subscription

EARLY_MAX: Final = 10_000  # changes that come while the rows are still being unpacked: a fraction of a second
KEY_BYTES: Final = 16  # random: never the same twice


class RemoteOwner:
    """One a gateway process: knows the way to all."""

    def __init__(self, calling: Calling, dice: Dice) -> None:
        self._calling = calling
        self._dice = dice
        self._feeds: dict[Told, _Feed] = {}  # one a selected mailbox and a followed account

    def shard_of(self, account: int) -> "RemoteOwner":  # noqa: ARG002 (Directing's signature)
        """This: who owns the account is found with each call."""
        return self

    async def ask(self, account: int, command: Command, idem: bytes = b"") -> Reply:
        """As Owner has it. Raises Unavailable when nobody answered in time."""
        if not idem and _changes(command):
            idem = self._dice.randbytes(KEY_BYTES)
        return wire.decode_reply(await self._call(account, wire.Ask(account, command, idem)))

    async def has_room(self, account: int, size: int) -> bool:
        """As Owner has it."""
        return wire.decode_room(await self._call(account, wire.AskRoom(account, size)))

    async def claims(self, account: int, watcher: Watcher, on: bool) -> None:
        """As Owner has it. A watch that is lost meanwhile says so when it is begun anew."""
        watcher.claims = on
        feed = self._feeds.get(watcher)
        if feed is not None:
            await self._call(account, wire.AskClaims(account, feed.id, on))

    async def watch(self, account: int, command: Open, watcher: Watcher) -> Opened:
        """As Owner has it."""
        feed = _Feed(self._dice.randbytes(wire.WATCH_BYTES), watcher, self._feeds)
        watch = wire.Watch(account, feed.id, command.name, command.mailbox, watcher.claims, command.who)
        first = await self._subscribe(watch, feed)
        try:
            return await feed.begin(first, watcher)
        except BaseException:
            feed.close()
            raise

    def unwatch(self, account: int, mailbox: int, watcher: Watcher) -> None:  # noqa: ARG002 (Owner's signature)
        """As Owner has it."""
        self._leave(watcher)

    async def follow(self, account: int, follower: Follower) -> Tree:
        """As Owner has it."""
        feed = _Feed(self._dice.randbytes(wire.WATCH_BYTES), follower, self._feeds)
        first = await self._subscribe(wire.Watch(account, feed.id, "", follows=True), feed)
        try:
            return feed.begin_following(first, follower)
        except BaseException:
            feed.close()
            raise

    def unfollow(self, account: int, follower: Follower) -> None:  # noqa: ARG002 (Owner's signature)
        """As Owner has it."""
        self._leave(follower)

    async def _subscribe(self, watch: wire.Watch, feed: "_Feed") -> bytes:
        """The first answer."""
        slot = keys.slot_of(watch.account)
        feed.subscription = await self._calling.subscribe(KIND, slot, wire.encode_watch(watch), feed)
        return feed.subscription.first

    def _leave(self, told: Told) -> None:
        feed = self._feeds.get(told)
        if feed is not None:
            feed.close()

    async def _call(self, account: int, request: wire.Request) -> bytes:
        return await self._calling.call(KIND, keys.slot_of(account), wire.encode_request(request))


def _changes(command: Command) -> bool:
    """Whether the command changes anything and brings no key of its own."""
    if isinstance(command, Add):
        return not command.idem
    return not isinstance(command, READS) and (not isinstance(command, Open) or command.claim)


class _Feed:
    """A subscription that feeds a watcher or a follower."""

    def __init__(self, id_: bytes, told: Told, feeds: "dict[Told, _Feed]") -> None:
        self.id = id_
        self.subscription: Subscription | None = None
        self._told = told
        self._feeds = feeds
        self._early: list[bytes] | None = []  # until it has what it begins with
        self._lost: Trouble | None = None

    async def begin(self, first: bytes, watcher: Watcher) -> Opened:
        """Give the watcher its rows, and what came meanwhile. Raises Trouble when it is lost already, Corrupt."""
        began = wire.decode_began(first)
        parts = []
        for piece in began.pieces:
            parts.append(load([piece]))
            await asyncio.sleep(0)  # others need not wait for all of a large mailbox
        early = self._take_early()
        watcher.opened(began.opened, joined(parts))
        for body in early:
            self.pushed(body)
        return began.opened

    def begin_following(self, first: bytes, follower: Follower) -> Tree:
        """Give the follower the account, and what came meanwhile. Raises as `begin`."""
        tree = wire.decode_reply(first)
        if not isinstance(tree, Tree):
            raise Corrupt("The mailbox service's answer is of another kind.", log=f"not a tree: {type(tree).__name__}")
        early = self._take_early()
        follower.began(tree)
        for body in early:
            self.pushed(body)
        return tree

    def _take_early(self) -> list[bytes]:
        """From now on pushes are told at once. Raises Trouble when it is lost already."""
        if self._lost is not None:
            raise self._lost
        early, self._early = self._early or [], None
        self._feeds[self._told] = self
        return early

    def pushed(self, body: bytes) -> None:
        """A change."""
        if self._early is not None:
            self._early.append(body)
            if len(self._early) > EARLY_MAX:
                self._stop(Unavailable("The mailbox is busy; try again.", log="changes outran a mailbox's rows"))
            return
        if self._lost is not None:
            return
        try:
            change, mine = wire.decode_change(body)
        except Corrupt as corrupt:  # of a newer version: only rows as they are will help
            self._stop(corrupt)
            return
        self._told.changed(change.modseq, change.time_ms, change.events, change.keywords, mine=mine)

    def lost(self, trouble: Trouble) -> None:
        """It is over."""
        if self._lost is None:
            begun, self._lost = self._early is None, trouble
            self._early = [] if self._early is None else self._early
            self._forget()
            if begun:
                self._told.ended(trouble)

    def close(self) -> None:
        """Leave."""
        self._lost = Unavailable("The mailbox was left.")
        self._forget()
        if self.subscription is not None:
            self.subscription.close()

    def _stop(self, trouble: Trouble) -> None:
        if self.subscription is not None:
            self.subscription.close()
        self.lost(trouble)

    def _forget(self) -> None:
        if self._feeds.get(self._told) is self:
            del self._feeds[self._told]

r"""A gateway's live copy of a mailbox, and one session's hold on it.

The law: a view holds what is committed, no more and no less, and changes only in `changed` and `opened`, which the
owner calls in the log's order; its `modseq` never goes back. All sessions of a gateway on one mailbox share one view.
\Recent goes to one session: the first that may write (RFC 3501 2.3.2).
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Literal

from actors.mailbox import events as ev
from actors.mailbox.index import Index
from actors.mailbox.mine import answered
from actors.mailbox.owner import Owner
from actors.mailbox.recent import Recent
from actors.mailbox.rights import rights_of
from actors.mailbox.types import (
    Acl,
    Add,
    Added,
    Changed,
    Command,
    Copy,
    Expunge,
    Item,
    MailboxInfo,
    Opened,
    Ranges,
    Reply,
    SetFlags,
    Who,
)
from cluster.errors import Trouble

__all__ = ["Selected", "View"]

REACHED_S: Final = 5.0  # that a session waits to see its own change; longer only while the view cannot be had at all


def _nothing(_view: "View") -> None:
    pass


class View:
    """The rows of a mailbox as of `modseq`."""

    def __init__(
        self,
        account: int,
        emptied: Callable[["View"], None] = _nothing,
        lost: Callable[["View"], None] = _nothing,
    ) -> None:
        self.account = account
        self.emptied = emptied  # called when the last session has left
        self.mailbox = 0
        self.name = ""
        self.index = Index()
        self.modseq = 0
        self.keywords: tuple[str, ...] = ()
        self.acl: Acl = ()
        self.gone = False
        self.lost = False  # nobody tells of changes until it is opened anew
        self.claims = False
        self.sessions: list[Selected] = []
        self.said: object = None  # what one of them has made of it, for the next one
        self._on_lost = lost
        self._waiting: list[asyncio.Future[None]] = []  # at most one a session's command

    def opened(self, opened: Opened, index: Index) -> None:
        """Begin with these rows, or go on with them."""
        self.mailbox, self.name = opened.info.id, opened.info.name
        self.index = index
        self.modseq = max(self.modseq, opened.info.modseq)  # of the mailbox, and what was told last may be above it
        self.keywords = opened.keywords
        self.acl = opened.info.acl
        self.lost = False
        self._wake()

    def changed(
        self, modseq: int, time_ms: int, events: Sequence[ev.Event], keywords: tuple[str, ...], *, mine: bool
    ) -> None:
        """Apply a committed entry and wake the sessions."""
        for event in events:
            if getattr(event, "mailbox", None) == self.mailbox:
                self._feed(modseq, time_ms, event, mine)
        # What is \Recent is no change of the mailbox, as its own MODSEQ has it too (state.py).
        if not all(isinstance(event, ev.RecentClaimed) for event in events):
            self.modseq = max(self.modseq, modseq)
        self.keywords = keywords
        self._wake()

    def ended(self, _trouble: Trouble) -> None:
        """The rows stay as they are until the view is opened anew."""
        self.lost = True
        self._on_lost(self)

    def vanished(self) -> None:
        """The mailbox is not there any more."""
        self.gone = True
        self._wake()

    def gives(self, uids: Sequence[int] | range) -> None:
        r"""These are \Recent for the first session that may write."""
        for session in self.sessions:
            if not session.read_only:
                session.recent.update(uids)
                return

    async def reached(self, modseq: int) -> None:
        """Return when the view shows this change, or cannot for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REACHED_S):
                while self.modseq < modseq and not self.gone:
                    news = asyncio.get_running_loop().create_future()
                    self._waiting.append(news)
                    await news

    def _feed(self, modseq: int, time_ms: int, event: ev.Event, mine: bool) -> None:
        self.index.apply(modseq, time_ms, event)
        self.index.dirty.clear()
        if isinstance(event, ev.MessagesAdded):
            if event.claimed and mine:
                self.gives([row.uid for row in event.rows])
        elif isinstance(event, ev.MailboxRenamed):
            self.name = event.name
        elif isinstance(event, ev.AclChanged):
            self.acl = event.acl
        elif isinstance(event, ev.MailboxDeleted):
            self.gone = True

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for news in waiting:
            if not news.done():
                news.set_result(None)
        for session in self.sessions:
            session.wake()


class Selected:
    """One session's hold on a selected mailbox."""

    def __init__(
        self,
        owner: Owner,
        view: View,
        opened: Opened,
        *,
        read_only: bool,
        changed: Callable[[], None],
        who: Who | None = None,
    ) -> None:
        """`who` has selected it; None: its owner."""
        self.info: MailboxInfo = opened.info
        self.view = view
        self.read_only = read_only
        self.recent = Recent()
        self.wake = changed
        self.who = who
        self._owner = owner

    @property
    def rights(self) -> str:
        """What this session may do with the mailbox now (rights.py)."""
        return rights_of(self.view.acl, self.who)

    async def set_flags(
        self,
        uids: Ranges,
        mode: Literal["add", "remove", "replace"],
        flags: int = 0,
        keywords: tuple[str, ...] = (),
        unchanged_since: int | None = None,
    ) -> Changed:
        """Change flags; durable, and in the view, on return."""
        command = SetFlags(self.info.id, uids, mode, flags, keywords, unchanged_since, who=self.who)
        reply = await self._ask(command)
        assert isinstance(reply, Changed)
        await self._seen(reply)
        return reply

    async def expunge(self, uids: Ranges | None = None) -> Changed:
        r"""Remove what has \Deleted (of these UIDs); durable, and in the view, on return."""
        reply = await self._ask(Expunge(self.info.id, uids, who=self.who))
        assert isinstance(reply, Changed)
        await self._seen(reply)
        return reply

    async def copy(self, uids: Ranges, target: str, *, move: bool = False) -> Added:
        """Copy or move to another mailbox, all or nothing; in the view on return, if it changes this one."""
        reply = await self._ask(Copy(self.info.id, uids, target, move, who=self.who))
        assert isinstance(reply, Added)
        if move or reply.mailbox == self.info.id:
            await self._seen(reply)
        return reply

    async def replace(self, uid: int, target: str, item: Item) -> Added:
        """A new message instead of one of this mailbox, at once (RFC 8508), in a mailbox of this account; in the view
        on return."""
        reply = await self._ask(Add(target, (item,), replaces=(self.info.id, uid), who=self.who))
        assert isinstance(reply, Added)
        await self._seen(reply)
        return reply

    async def close(self) -> None:
        """Let go of the mailbox."""
        view = self.view
        if self in view.sessions:
            view.sessions.remove(self)
        if not view.sessions:
            view.claims = False
            self._owner.unwatch(view.account, view.mailbox, view)
            view.emptied(view)
        elif view.claims and all(session.read_only for session in view.sessions):
            with suppress(Trouble):  # then a new subscription will say so
                await self._owner.claims(view.account, view, on=False)

    async def _ask(self, command: Command) -> Reply:
        reply = await self._owner.ask(self.view.account, command)
        answered(self.view.account, command, reply)
        return reply

    async def _seen(self, reply: Changed | Added) -> None:
        # What changed nothing has the MODSEQ of any change of the account, and the view may never hear of that one.
        if reply.uids and self.view.modseq < reply.modseq:
            await self.view.reached(reply.modseq)

r"""A gateway's live copy of a mailbox, and one session's hold on it.

The law: a view holds what is committed, no more and no less, and changes only in `changed`, which the shard calls in
the log's order. All sessions of a gateway on one mailbox share one view. \Recent goes to one session: the first
that may write (RFC 3501 2.3.2).
"""

from collections.abc import Callable, Sequence
from typing import Literal

from actors.mailbox import events as ev
from actors.mailbox.index import Index
from actors.mailbox.shard import Shard
from actors.mailbox.types import (
    Added,
    Changed,
    Copy,
    Expunge,
    MailboxInfo,
    Opened,
    Ranges,
    SetFlags,
)

__all__ = ["Selected", "View"]


class View:
    """The rows of a mailbox as of `modseq`."""

    def __init__(self, account: int, emptied: Callable[["View"], None] = lambda _view: None) -> None:
        self.account = account
        self.emptied = emptied  # called when the last session has left
        self.mailbox = 0
        self.index = Index()
        self.modseq = 0
        self.keywords: tuple[str, ...] = ()
        self.gone = False
        self.claims = False
        self.sessions: list[Selected] = []

    def opened(self, opened: Opened, index: Index) -> None:
        """Begin with these rows."""
        self.mailbox = opened.info.id
        self.index = index
        self.modseq = opened.info.modseq
        self.keywords = opened.keywords

    def changed(self, modseq: int, time_ms: int, events: Sequence[ev.Event], keywords: tuple[str, ...]) -> None:
        """Apply a committed entry and wake the sessions."""
        for event in events:
            if getattr(event, "mailbox", None) == self.mailbox:
                self._feed(modseq, time_ms, event)
        self.modseq = modseq
        self.keywords = keywords
        for session in self.sessions:
            session.wake()

    def _feed(self, modseq: int, time_ms: int, event: ev.Event) -> None:
        self.index.apply(modseq, time_ms, event)
        self.index.dirty.clear()
        if isinstance(event, ev.MessagesAdded) and event.claimed:
            self._recent(event)
        elif isinstance(event, ev.MailboxDeleted):
            self.gone = True

    def _recent(self, event: ev.MessagesAdded) -> None:
        for session in self.sessions:
            if not session.read_only:
                session.recent.update(row.uid for row in event.rows)
                return


class Selected:
    """One session's hold on a selected mailbox."""

    def __init__(
        self, shard: Shard, view: View, opened: Opened, *, read_only: bool, changed: Callable[[], None]
    ) -> None:
        self.info: MailboxInfo = opened.info
        self.view = view
        self.read_only = read_only
        self.recent: set[int] = set()
        self.wake = changed
        self._shard = shard

    async def set_flags(
        self,
        uids: Ranges,
        mode: Literal["add", "remove", "replace"],
        flags: int = 0,
        keywords: tuple[str, ...] = (),
        unchanged_since: int | None = None,
    ) -> Changed:
        """Change flags; durable, and in the view, on return."""
        command = SetFlags(self.info.id, uids, mode, flags, keywords, unchanged_since)
        reply = await self._shard.ask(self.view.account, command)
        assert isinstance(reply, Changed)
        return reply

    async def expunge(self, uids: Ranges | None = None) -> Changed:
        r"""Remove what has \Deleted (of these UIDs); durable, and in the view, on return."""
        reply = await self._shard.ask(self.view.account, Expunge(self.info.id, uids))
        assert isinstance(reply, Changed)
        return reply

    async def copy(self, uids: Ranges, target: str, *, move: bool = False) -> Added:
        """Copy or move to another mailbox, all or nothing."""
        reply = await self._shard.ask(self.view.account, Copy(self.info.id, uids, target, move))
        assert isinstance(reply, Added)
        return reply

    async def close(self) -> None:
        """Let go of the mailbox."""
        view = self.view
        if self in view.sessions:
            view.sessions.remove(self)
        view.claims = any(not session.read_only for session in view.sessions)
        if not view.sessions:
            self._shard.unwatch(view.account, self.info.id, view)
            view.emptied(view)

r"""What one client is told of unasked, since it has used NOTIFY (RFC 5465): of the selected mailbox and of others.

The law: what happens is noted by mailbox, so that it is bounded however slowly it is told, and told as it is by then;
above PENDING_MAX, or where it cannot be told, the client hears NOTIFICATIONOVERFLOW and nothing any more. Rights are
those of the moment in which it is told. What the client did itself is not told. Nothing is told while a command runs:
`tell` is run by the connection between commands, and only for a client that reads.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Final

import numpy as np

from actors.mailbox import mine
from actors.mailbox.follow import Change, Follow, Kind, News
from actors.mailbox.names import parents
from actors.mailbox.rights import LOOKUP, READ
from actors.mailbox.types import INBOX, SEPARATOR, Added, Annotate, Command, Done, MailboxInfo, Reply, Subscribe, Who
from cluster.errors import NotFound, Trouble
from gateway.imap import notice_lines as lines
from gateway.imap.fetch import fetch
from gateway.imap.notice_lines import Watched
from gateway.imap.parts import Pace, Place
from gateway.imap.places import groves, place, who_asks
from gateway.imap.selected import Selection
from gateway.imap.session import Session
from gateway.imap.spaces import OTHERS, SHARED, is_level, is_own
from gateway.imap.troubles import No
from gateway.imap.wishes import NOTHING, Wishes
from mail.imap import commands
from mail.imap.codes import NOTIFICATION_OVERFLOW
from mail.imap.fetch import FetchItem
from mail.imap.notify import MESSAGE_EVENTS, NotifyEvent
from mail.imap.seqset import SequenceSet

FOLLOWED_MAX: Final = 100  # accounts of one session: its own, and those of whoever shares mailboxes with it
PENDING_MAX: Final = 1000  # mailboxes, names and annotations about which something is to be told
LOOK_S: Final = 60.0  # between two looks at who shares anything: that costs a question for each
_FEW: Final = 10  # mailboxes and names that are told of without letting others run
_SPECIAL_USE: Final = "/private/specialuse"
_BATCH: Final = 100  # mailboxes told of before the client has to have taken it
_OF_MESSAGES: Final[frozenset[Kind]] = frozenset({"new", "gone", "flags"})
_OF_NAMES: Final[frozenset[Kind]] = frozenset({"made", "renamed", "removed", "acl"})
_E: Final = NotifyEvent


class TooMany(No):
    """More than a session may hear of (RFC 5465 3.1)."""

    def __init__(self) -> None:
        super().__init__("That is more than is told of at once; ask for less", NOTIFICATION_OVERFLOW.decode())


class _Touched:
    """A mailbox in which something happened, in entries of these MODSEQs; `before`: as it was told of last."""

    __slots__ = ("before", "entries", "first", "kinds", "last")

    def __init__(self, before: MailboxInfo | None, modseq: int) -> None:
        self.before = before
        self.first = self.last = modseq
        self.kinds: dict[Kind, None] = {}
        self.entries: dict[str, None] = {}  # of annotations

    def within(self, modseqs: range) -> bool:
        """Whether nothing else happened."""
        return self.first >= modseqs.start and self.last < modseqs.stop


class _Said:
    """The names that one telling is about: each is listed once, and what is renamed with the mailbox above it not."""

    def __init__(self) -> None:
        self.listed: dict[str, None] = {}
        self._renamed: dict[str, str] = {}

    def renames(self, old: str, new: str) -> bool:
        """Whether it is to be told by itself (RFC 5465 5.4)."""
        for above in parents(old):
            if above in self._renamed and self._renamed[above] + old[len(above) :] == new:
                return False
        self._renamed[old] = new
        return True


class Notices:
    """One session's. Once it is closed nothing is told any more."""

    def __init__(self, session: Session, wishes: Wishes) -> None:
        self.wishes = wishes
        self._session = session
        self._watched: dict[int, Watched] = {}
        self._follows: list[Follow] = []
        self._who: Who | None = None  # as others' mailboxes saw the client last
        self._boxes: dict[tuple[int, int], _Touched] = {}  # by account and mailbox; 0 is the account itself
        self._subscriptions: dict[str, int] = {}  # names, and the MODSEQ of the last change
        self._meant: dict[str, frozenset[NotifyEvent]] = {}  # what is asked for of a name, once it was worked out
        self._overflows = False
        self._reviews = False  # others may have to be followed too
        self._spaces: set[str] = set()  # namespaces of others that are meant as a whole
        self._look_at = 0.0  # the monotonic second from which on it is looked who else is in them
        self._newest = 0  # the highest UID of the selected mailbox that is not new
        self._own: list[tuple[int, int]] = []  # new ones in it that the client made itself

    # what the command does

    async def begin(self) -> None:
        """Follow whom it is about. Raises TooMany, Trouble."""
        session = self._session
        if not self.wishes.any:
            return
        await self._follow(session.account, "", own=True)
        for name in sorted({name for group in self.wishes.groups for name in group.names if not is_own(name)}):
            await self._follow_named(name)
        if self.wishes.by_subscription:
            await self._follow_subscribed()
        self._who = await who_asks(session)

    async def first(self, *, status: bool) -> None:
        r"""Say of which mailboxes nothing can be told, and if asked how the others are (RFC 5465 3.1)."""
        session, pace = self._session, Pace(self._session.services.clock)
        for watched in self._watched.values():
            for number, info in enumerate(watched.following.tree.mailboxes, start=1):
                name, rights = watched.name(info), watched.rights(info, self._who)
                events = self._events(watched, name) if LOOKUP in rights else NOTHING
                await pace.breathe()
                if not events:
                    continue
                if READ not in rights:
                    session.wire.write(self._listed(watched, name))
                elif status and events & MESSAGE_EVENTS and not self._is_selected(watched.following.number, info.id):
                    items = lines.items_at_first(session, events)
                    session.wire.write(lines.status_line(session, name, info, items))
                if not number % _BATCH:
                    await session.wire.drain()

    def selected(self, selection: Selection) -> None:
        """A mailbox was selected: what is in it is not new."""
        self._newest = int(selection.uids[-1]) if len(selection.uids) else 0
        self._own.clear()

    def close(self) -> None:
        """Hear of nothing any more."""
        for follow in self._follows:
            follow.close()
        self._follows.clear()
        self._watched.clear()
        self._boxes.clear()
        self._subscriptions.clear()
        self.wishes = Wishes()

    async def _follow(self, account: int, prefix: str, *, own: bool = False) -> None:
        if account in self._watched:
            return
        if len(self._watched) >= FOLLOWED_MAX:
            raise TooMany
        follow = await self._session.services.mail.follow(account, partial(self._heard, account))
        self._follows.append(follow)
        self._watched[account] = Watched(follow.following, prefix, own=own)

    async def _follow_named(self, name: str) -> None:
        """The account, or the accounts, that a name of others' leads to; what leads nowhere is passed over."""
        if name in (OTHERS, SHARED):
            self._spaces.add(name)
            self._look_at = self._session.services.clock.monotonic() + LOOK_S
            for grove in await groves(self._session, frozenset((name,))):
                await self._follow(grove.account, grove.prefix)
            return
        where = await leads_to(self._session, name)
        if where is not None:
            await self._follow(where.account, where.prefix)

    async def _follow_subscribed(self) -> None:
        own = self._watched[self._session.account].following
        for name in sorted(filter(lambda name: not is_own(name), own.subscriptions)):
            await self._follow_named(name)

    async def _review(self) -> None:
        """Follow who is meant by now. What somebody shares who shared nothing before is new (RFC 5465 5.4)."""
        self._reviews = False
        if self.wishes.by_subscription:
            await self._follow_subscribed()
        known = set(self._watched)
        for name in tuple(self._spaces):
            await self._follow_named(name)
        for account in self._watched.keys() - known:
            for info in self._watched[account].following.tree.mailboxes:
                self._boxes[account, info.id] = _Touched(None, 0)

    # what happens

    def _heard(self, account: int, news: News | None) -> None:
        """An entry was committed: note what of it matters."""
        watched = self._watched.get(account)
        if watched is None or self._overflows:  # while it begins, or nothing will be told of it any more
            return
        if news is None:
            self._overflows = True
        else:
            for change in news.changes:
                self._note(watched, news, change)
        entries = sum(len(touched.entries) for touched in self._boxes.values())
        if self._overflows or len(self._boxes) + len(self._subscriptions) + entries > PENDING_MAX:
            self._overflows = True
            self._boxes.clear()
            self._subscriptions.clear()
        if self._overflows or self._boxes or self._subscriptions:
            self._session.wire.news()

    def _note(self, watched: Watched, news: News, change: Change) -> None:
        if change.kind == "subscribed":
            if watched.own and self.wishes.by_subscription:
                self._meant.clear()
                self._reviews = True
            if watched.own and _E.SUBSCRIPTION_CHANGE in self.wishes.any:
                self._subscriptions[change.names[0]] = news.modseq
            return
        if not self._matters(watched, change):
            return
        key = (news.account, change.mailbox)
        touched = self._boxes.get(key)
        if touched is None:
            touched = self._boxes[key] = _Touched(change.before, news.modseq)
        touched.last = news.modseq
        touched.kinds[change.kind] = None
        if change.kind == "role":  # which an annotation shows (RFC 6154 4)
            touched.entries[_SPECIAL_USE] = None
        touched.entries.update(dict.fromkeys(change.names))

    def _matters(self, watched: Watched, change: Change) -> bool:
        """Whether anything may have to be said; not who may hear it, which can change until it is."""
        wanted = self.wishes.any
        if not change.mailbox:
            return watched.own and change.kind == "annotated" and _E.SERVER_METADATA_CHANGE in wanted
        if change.kind in _OF_MESSAGES:
            if change.kind == "flags" and _E.FLAG_CHANGE not in wanted:
                return False
            if not wanted & MESSAGE_EVENTS or self._is_selected(watched.following.number, change.mailbox):
                return False
        elif change.kind in _OF_NAMES:
            if watched.own and change.kind == "acl":  # its owner may do everything
                return False
        elif _E.MAILBOX_METADATA_CHANGE not in wanted:
            return False
        return any(
            info is not None and self._events(watched, watched.name(info)) for info in (change.before, change.after)
        ) or (change.kind in ("made", "removed") and _E.MAILBOX_NAME in wanted)

    def own(self, account: int, command: Command, reply: Reply) -> None:
        """The client did this itself, on this connection."""
        modseqs = mine.entries_of(command, reply)
        for key, touched in list(self._boxes.items()):
            if key[0] == account and touched.within(modseqs):
                del self._boxes[key]
        if isinstance(reply, Done) and isinstance(command, Subscribe):
            if self._subscriptions.get(command.name) == reply.modseq:
                del self._subscriptions[command.name]
        elif isinstance(reply, Done) and isinstance(command, Annotate):
            self._annotated(account, command, reply.modseq)
        if isinstance(reply, Added) and self._is_selected(account, reply.mailbox):
            self._own += reply.uids

    def _annotated(self, account: int, command: Annotate, modseq: int) -> None:
        """It may have changed nothing, and its MODSEQ be that of another's change: only if that was the same one."""
        watched = self._watched.get(account)
        info = watched.following.named(command.name) if watched is not None and command.name else None
        key = (account, info.id if info is not None else 0)
        touched = self._boxes.get(key)
        names = {name for name, _value in command.pairs}
        if touched is None or not touched.within(range(modseq, modseq + 1)):
            return
        if names.issuperset(entry.partition("\0")[0] for entry in touched.entries):
            del self._boxes[key]

    def look_again(self) -> None:
        """The client asks for news: from time to time that is also who shares something by now."""
        if self._spaces and self._session.services.clock.monotonic() >= self._look_at:
            self._reviews = True
            self._session.wire.news()

    # what is told

    def tell_at_once(self) -> bool:
        """Say all there is, if that is a little and needs no waiting for anything: as it mostly is, and needs no task.
        Whether it was."""
        session, wanted = self._session, self.wishes.selected
        others = len(self._boxes) + len(self._subscriptions)
        if self._overflows or self._reviews or others > _FEW or len(self._watched) > 1 or session.is_guest:
            return False
        if wanted is not None:
            if wanted.items:
                return False
            session.tell(expunges=session.idling is not None or not self.wishes.delayed)
            if session.has_more:
                return False
        elif session.selection is not None and session.selection.hold.view.gone:
            return False
        boxes, self._boxes = self._boxes, {}
        subscriptions, self._subscriptions = self._subscriptions, {}
        for line in self._all_lines(boxes, subscriptions, self._who):
            session.wire.write(line)
        return True

    async def tell(self) -> None:
        """Say all there is. ConnectionError when the client went away meanwhile."""
        session = self._session
        try:
            await self._tell_selected()
            if self._reviews:
                await self._review()
            while (self._boxes or self._subscriptions) and not (self._overflows or session.ended):
                await self._tell_others()
        except TooMany:
            self._overflows = True
        except Trouble as trouble:
            session.log.warning("imap.notify", trouble=type(trouble).__name__, detail=trouble.log)
            self._overflows = True
        if self._overflows and not session.ended:
            self._overflows = False
            self.close()
            session.answer(b"*", b"OK", "Too much has happened; NOTIFY is off", NOTIFICATION_OVERFLOW.decode())

    async def _tell_selected(self) -> None:
        session, wanted = self._session, self.wishes.selected
        if wanted is None and session.selection is not None and not session.selection.hold.view.gone:
            return
        session.tell(expunges=session.idling is not None or not self.wishes.delayed)
        await session.tell_rest()
        if wanted is not None and session.selection is not None and not session.ended:
            await self._tell_new(session.selection, wanted.items)

    async def _tell_new(self, selection: Selection, items: tuple[FetchItem, ...]) -> None:
        """FETCH of what came since the last time, and not from here (RFC 5465 5.2)."""
        first = int(np.searchsorted(selection.uids, self._newest, "right"))
        uids = selection.uids[first:]
        if not len(uids):
            return
        self._newest = int(uids[-1])
        others = np.ones(len(uids), bool)
        for low, high in self._own:
            others &= (uids < low) | (uids > high)
        self._own.clear()
        rows = np.flatnonzero(others) + first
        if len(rows) and items and selection.readable:
            command = commands.Fetch(SequenceSet(selection.ranges(rows)), items, uid=True)
            with suppress(No):  # of some it cannot be told
                answer = await fetch(self._session, command)
                self._session.tell(expunges=False, told=answer.told)

    async def _tell_others(self) -> None:
        session, before = self._session, self._who
        boxes, self._boxes = self._boxes, {}
        subscriptions, self._subscriptions = self._subscriptions, {}
        if len(self._watched) > 1:
            self._who = await who_asks(session)
        for number, line in enumerate(self._all_lines(boxes, subscriptions, before), start=1):
            session.wire.write(line)
            if not number % _BATCH:
                await session.wire.drain()
        await session.wire.drain()

    def _all_lines(
        self, boxes: dict[tuple[int, int], _Touched], subscriptions: dict[str, int], before: Who | None
    ) -> Iterator[bytes]:
        """All that is to be said of these; `before`: whom others' mailboxes saw until now."""
        said = _Said()
        for (account, mailbox), touched in self._changed(boxes, before):
            watched = self._watched.get(account)
            if watched is not None:
                yield from self._lines(watched, mailbox, touched, before, said)
        yield from filter(None, map(self._subscribed, subscriptions))

    def _changed(
        self, boxes: dict[tuple[int, int], _Touched], before: Who | None
    ) -> Iterator[tuple[tuple[int, int], _Touched]]:
        """What was noted; and what the client sees, or sees no longer, because it is in other groups now."""
        yield from boxes.items()
        if before is None or self._who is None or before.names == self._who.names:
            return
        for account, watched in list(self._watched.items()):
            for info in () if watched.own else watched.following.tree.mailboxes:
                if (account, info.id) not in boxes and _seen(watched, info, before) != _seen(watched, info, self._who):
                    yield (account, info.id), _Touched(info, 0)

    def _lines(
        self, watched: Watched, mailbox: int, touched: _Touched, who_before: Who | None, said: _Said
    ) -> Iterator[bytes]:
        session = self._session
        if not mailbox:
            yield lines.metadata_line(session, "", touched.entries, None)
            return
        now, before = watched.following.mailbox(mailbox), touched.before
        yield from self._name_lines(watched, before, now, who_before, said)
        if now is None or LOOKUP not in (rights := watched.rights(now, self._who)) or READ not in rights:
            return
        name = watched.name(now)
        events = self._events(watched, name)
        items = lines.items_of(session, events, touched.kinds, before, now)
        if items and not self._is_selected(watched.following.number, mailbox):
            yield lines.status_line(session, name, now, items)
        if _E.MAILBOX_METADATA_CHANGE in events and touched.entries:
            yield lines.metadata_line(session, name, touched.entries, None if watched.own else self._who)

    def _name_lines(
        self,
        watched: Watched,
        before: MailboxInfo | None,
        now: MailboxInfo | None,
        who_before: Who | None,
        said: _Said,
    ) -> Iterator[bytes]:
        """LIST for what was made, renamed or removed, in the eyes of this client (RFC 5465 5.4, 5.9)."""
        saw, sees = _seen(watched, before, who_before), _seen(watched, now, self._who)
        old = watched.name(before) if before is not None and saw else ""
        new = watched.name(now) if now is not None and sees else ""
        told = [name for name in (old, new) if name and self._events(watched, name)]
        of_names = any(_E.MAILBOX_NAME in self._events(watched, name) for name in (old, new) if name)
        if old and new and old != new:
            if of_names and said.renames(old, new) and new not in said.listed:
                said.listed[new] = None
                yield self._listed(watched, new, old)
        elif old and new:
            if told and saw != sees:
                yield self._listed(watched, new)
        elif old or new:
            for name in (old or new, *list(parents(old or new))[:1]):
                mine_ = name.startswith(watched.prefix) and _E.MAILBOX_NAME in self._events(watched, name)
                if mine_ and name not in said.listed:
                    said.listed[name] = None
                    yield self._listed(watched, name)

    def _subscribed(self, name: str) -> bytes:
        """LIST for a name that was put on the list of subscriptions, or taken off (RFC 5465 5.5)."""
        watched = next(
            (one for one in self._watched.values() if (is_own(name) if one.own else name.startswith(one.prefix))), None
        )
        if watched is None:
            return b""
        # What leaves the list was on it, and so was meant.
        events = self.wishes.of(name, own=watched.own, subscribed=True)
        return self._listed(watched, name) if _E.SUBSCRIPTION_CHANGE in events else b""

    def _listed(self, watched: Watched, name: str, old: str | None = None) -> bytes:
        own = self._watched[self._session.account].following
        return lines.list_line(self._session, watched, name, self._who, name in own.subscriptions, old)

    def _events(self, watched: Watched, name: str) -> frozenset[NotifyEvent]:
        """What is asked for of a name."""
        found = self._meant.get(name)
        if found is None:
            own = self._watched[self._session.account].following
            found = self.wishes.of(name, own=watched.own, subscribed=name in own.subscriptions)
            if len(self._meant) >= PENDING_MAX:
                self._meant.clear()
            self._meant[name] = found
        return found

    def _is_selected(self, account: int, mailbox: int) -> bool:
        selection = self._session.selection
        return selection is not None and (selection.account, selection.hold.info.id) == (account, mailbox)


async def leads_to(session: Session, name: str) -> Place | None:
    """Where a name in the namespaces of others leads, also one that only stands above mailboxes; None: nowhere."""
    try:
        if not is_level(name):
            return await place(session, name)
        where = await place(session, f"{name}{SEPARATOR}{INBOX}")
    except NotFound:
        return None
    return where._replace(name="")


def _seen(watched: Watched, info: MailboxInfo | None, who: Who | None) -> str:
    """What of it the client sees: nothing, that it is there, or all."""
    rights = watched.rights(info, who)
    if LOOKUP not in rights:
        return ""
    return LOOKUP + READ if READ in rights else LOOKUP

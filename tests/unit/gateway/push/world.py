"""Accounts with mailboxes and followers in memory, people in groups, and an event loop's time that a test moves."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import count
from typing import Any, cast

from actors.mailbox import events as ev
from actors.mailbox.annotating import key_of
from actors.mailbox.follow import Change, Follow, Kind, News, Told
from actors.mailbox.rights import granted
from actors.mailbox.types import Acl, Annotations, MailboxInfo, Tree, Who
from cluster.clock import ManualClock
from cluster.errors import Unavailable
from gateway.access import subscribing
from mail.jmap.subscriptions import KIND, Subscription, decode

ALICE, BOB, CAROL, TEAM = 0x1F, 0x20, 0x21, 0x22


class Time:
    """Of a loop; moves when it is told to, and a clock with it."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.now = 100.0
        self.clock = clock or ManualClock()
        self._numbers = count()
        self._waiting: list[tuple[float, int, Callable[[], object]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> object:
        heapq.heappush(self._waiting, (self.now + delay, next(self._numbers), lambda: callback(*args)))
        return None

    def pass_(self, seconds: float) -> None:
        until = self.now + seconds
        while self._waiting and self._waiting[0][0] <= until:
            at, _, callback = heapq.heappop(self._waiting)
            self._to(at)
            callback()
        self._to(until)

    def _to(self, at: float) -> None:
        self.clock.advance(at - self.now)
        self.now = at

    @property
    def calls(self) -> int:
        return len(self._waiting)


class Box:
    """An account's log and tree, and a Following of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.modseq = 1
        self.boxes: dict[int, MailboxInfo] = {1: info(1, "INBOX")}
        self.follows: list[Follow] = []
        self.objects: dict[tuple[str, str], bytes] = {}
        self.entries: dict[int, ev.Entry] = {}
        self.unwanted: dict[int, set[int]] = {}  # by account, mailboxes that it does not wish to see

    def wish(self, who: int, mailbox: int, *, on: bool) -> None:
        """Somebody wishes to see a mailbox, or not to."""
        (set.discard if on else set.add)(self.unwanted.setdefault(who, set()), mailbox)
        self.change("annotated", mailbox, (key_of(subscribing.ENTRY, Who(who, frozenset())),))

    def state(self, _kind: str) -> str:
        """As if each change was of everything."""
        return str(self.modseq)

    @property
    def tree(self) -> Tree:
        return Tree(tuple(self.boxes.values()), frozenset(), (), 0, 0, self.modseq)

    def mailbox(self, number: int) -> MailboxInfo | None:
        return self.boxes.get(number)

    def left(self, follow: Follow) -> None:
        self.follows.remove(follow)

    def commit(self, *changes: Change) -> None:
        """An entry with these changes."""
        self.modseq += 1
        self.entries[self.modseq] = ev.Entry(ev.VERSION, 0, b"", tuple(map(event_of, changes)))
        for follow in tuple(self.follows):
            follow.told(News(self.number, self.modseq, changes))

    def lose(self) -> None:
        """Something happened, and nobody knows what."""
        self.modseq += 1
        for follow in tuple(self.follows):
            follow.told(None)

    def change(self, kind: Kind, mailbox: int = 1, names: tuple[str, ...] = ()) -> None:
        box = self.boxes.get(mailbox)
        self.commit(Change(kind, mailbox, box, box, names))

    def make(self, mailbox: int, acl: Acl = ()) -> None:
        self.boxes[mailbox] = info(mailbox, f"box {mailbox}", acl)
        self.commit(Change("made", mailbox, None, self.boxes[mailbox]))

    def remove(self, mailbox: int) -> None:
        before = self.boxes.pop(mailbox)
        self.commit(Change("removed", mailbox, before, None))

    def share(self, mailbox: int, acl: Acl) -> None:
        before = self.boxes[mailbox]
        self.boxes[mailbox] = info(mailbox, before.name, acl)
        self.commit(Change("acl", mailbox, before, self.boxes[mailbox]))

    def put_object(self, kind: str, name: str = "x") -> None:
        self.commit(Change("object", 0, None, None, (kind, name)))

    @property
    def subscriptions(self) -> dict[str, Subscription]:
        found = {name: decode(value) for (kind, name), value in self.objects.items() if kind == KIND}
        return {name: one for name, one in found.items() if one is not None}


def event_of(change: Change) -> ev.Event:
    """As the log has it."""
    box = change.mailbox
    made: dict[str, ev.Event] = {
        "new": ev.MessagesAdded(box, (), came=change.came),
        "flags": ev.FlagsChanged(box, (), 0, change.flags, 0),
        "gone": ev.MessagesExpunged(box, (), 0, 0, 0),
        "removed": ev.MailboxDeleted(box),
        "acl": ev.AclChanged(box, ()),
        "role": ev.RoleChanged(box, ""),
        "made": ev.MailboxCreated(box, "", 1, ""),
        "object": ev.ObjectsChanged(change.names[0] if change.names else "", change.names[1:]),
    }
    return made[change.kind] if change.kind in made else ev.SubscriptionChanged("", on=True)


def info(number: int, name: str, acl: Acl = ()) -> MailboxInfo:
    return MailboxInfo(number, name, "", 1, 1, 0, 0, 0, 0, 1, acl)


class Mail:
    """What the watcher needs of MailboxClient."""

    def __init__(self) -> None:
        self.accounts: dict[int, Box] = {}
        self.failing: set[int] = set()
        self.asked = 0

    def __getitem__(self, number: int) -> Box:
        return self.accounts.setdefault(number, Box(number))

    async def follow(self, account: int, told: Told) -> Follow:
        if account in self.failing:
            raise Unavailable("no")
        self.asked += 1
        follow = Follow(cast("Any", self[account]), told)
        self[account].follows.append(follow)
        return follow

    async def log(self, account: int, since: int, until: int) -> AsyncIterator[list[tuple[int, ev.Entry]]]:
        found = [(modseq, entry) for modseq, entry in self[account].entries.items() if since < modseq <= until]
        for first in range(0, len(found), 2):
            await asyncio.sleep(0)
            yield found[first : first + 2]

    async def objects(self, account: int, kind: str) -> list[tuple[str, bytes]]:
        if account in self.failing:
            raise Unavailable("no")
        return [(name, value) for (of, name), value in self[account].objects.items() if of == kind]

    async def put_objects(self, account: int, changes: Sequence[tuple[str, str, bytes | None]]) -> int:
        if account in self.failing:
            raise Unavailable("no")
        for kind, name, value in changes:
            if value is None:
                self[account].objects.pop((kind, name), None)
            else:
                self[account].objects[kind, name] = value
            self[account].put_object(kind, name)
        return self[account].modseq

    async def annotations(self, account: int, names: Sequence[str], who: Who | None = None) -> Annotations:
        assert who is not None
        if account in self.failing:
            raise Unavailable("no")
        box = self[account]
        await asyncio.sleep(0)
        return Annotations(
            tuple(
                (one.name, ((subscribing.ENTRY, b"0"),) if one.id in box.unwanted.get(who.account, ()) else ())
                for one in box.boxes.values()
                if one.name in names
            )
        )

    async def sharing(self, names: Iterable[str]) -> list[int]:
        wanted = set(names)
        return sorted(
            number
            for number, box in self.accounts.items()
            if any(wanted & granted(one.acl) for one in box.boxes.values())
        )


class People:
    """Who is in which groups."""

    def __init__(self) -> None:
        self.of: dict[int, tuple[str, ...]] = {}

    async def groups(self, account: int) -> tuple[str, ...]:
        return self.of.get(account, ())

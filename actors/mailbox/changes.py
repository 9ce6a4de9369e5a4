"""What changed between two positions in the log, by the kinds of things that JMAP tells of (RFC 8620 5.2). Pure.

    told = Changes(sight)
    for entry in entries:
        told.fold(entry)
    told.emails(), told.threads(), told.mailboxes(), told.objects("Identity")

The law: whoever had a thing as it was at the first position, and takes what is told, has it as it is now. What was made
and is gone since is not told. Where the log does not say which emails came or went for who asks, `unknown` is set: then
nothing can be told of emails and threads.
"""

from collections import Counter
from collections.abc import Collection
from typing import Final, NamedTuple

from actors.mailbox import events as ev
from actors.mailbox import leaving
from actors.mailbox.sight import Sight
from actors.mailbox.types import DELETED


class Told(NamedTuple):
    """Numbers or names, each in one of the three, in ascending order."""

    created: list[int]
    updated: list[int]
    destroyed: list[int]


_NOTHING: Final = Counter[int]()


class Changes:
    """Folded from entries, for who sees `sight`."""

    def __init__(self, sight: Sight) -> None:
        self.unknown = False
        self.sight = sight
        self._moved: set[int] = set()  # emails that came, went, or were hidden or shown, anywhere
        self._touched: dict[int, None] = {}  # emails; an ordered set
        self._new: set[int] = set()  # emails that were stored
        self._gained: dict[int, Counter[int]] = {}  # emails, and their rows that came or were shown, by mailbox
        self._held: set[int] = set()  # emails that were seen before: somewhere they went or were hidden
        self._relinked: set[int] = set()  # threads, of emails that came, went, or were hidden or shown
        self._had: set[int] = set()  # threads of which such an email is, or was
        self._boxes: dict[int, bool] = {}  # mailboxes that changed: whether more than their counts
        self._made: set[int] = set()
        self._names: set[str] = set()  # subscribed, or not any more
        self._objects: dict[str, dict[str, None]] = {}

    def fold(self, entry: ev.Entry) -> None:
        """One more entry, in the order of the log."""
        for event in entry.events:
            self._fold(event)

    def affected(self, *, flags: bool, threads: bool) -> set[int]:
        """Emails that may have come into a list, gone from it, or moved in it. `flags`: their flags matter to it;
        `threads`: and so do the other emails of their threads."""
        found = set(self._touched) if flags else set(self._moved)
        if threads:
            of = self._relinked | ({one.thread for one in self.sight.find(found).values()} if flags else set())
            found.update(email for emails in self.sight.threads(of).values() for email in emails)
        return found

    @property
    def stored(self) -> set[int]:
        """Emails that nobody had before."""
        return self._new

    def emails(self) -> Told:
        """Emails."""
        seen = self.sight.find(self._touched)
        known = self._appeared(seen)
        created = [email for email in self._touched if email in known]
        updated = [email for email in self._touched if email in seen and email not in known]
        destroyed = [email for email in self._touched if email not in seen and email not in self._new]
        return Told(sorted(created), sorted(updated), sorted(destroyed))

    def threads(self) -> Told:
        """Threads: those whose emails came or went."""
        threads = self._relinked
        there = self.sight.threads(threads)
        of = self._had
        appeared = self._appeared({email for thread in there.keys() - of for email in there[thread]})
        created = [
            thread for thread in threads if thread in there and thread not in of and appeared >= {*there[thread]}
        ]
        known = set(created)
        updated = [thread for thread in threads if thread in there and thread not in known]
        destroyed = [thread for thread in threads if thread not in there and thread not in self._new]
        return Told(sorted(created), sorted(updated), sorted(destroyed))

    def _appeared(self, emails: Collection[int]) -> set[int]:
        """Those of the emails, all seen now, that were not seen before: they are new, or all that is seen of them
        came or was shown."""
        maybe = [email for email in emails if email in self._gained and email not in self._held | self._new]
        rows = self.sight.tally(maybe)
        return {
            email for email in emails if email in self._new or (email in rows and rows[email] <= self._gained[email])
        }

    def mailboxes(self) -> tuple[Told, bool]:
        """Mailboxes, and whether of all that are updated only the counts have changed."""
        listed, account = self.sight.listed, self.sight.account
        boxes = dict(self._boxes)
        for name in self._names:
            box = account.named(name)
            if box is not None:
                boxes[box.id] = True
        created = [number for number in boxes if number in listed and number in self._made]
        updated = [number for number in boxes if number in listed and number not in self._made]
        destroyed = [
            number
            for number in boxes
            if number not in listed and (number not in self._made or number in account.mailboxes)
        ]
        only_counts = bool(updated) and not any(boxes[number] for number in updated)
        return Told(sorted(created), sorted(updated), sorted(destroyed)), only_counts

    def objects(self, kind: str) -> list[str]:
        """Ids of a kind that were written or removed: which of them are there now is for who reads them to see."""
        return list(self._objects.get(kind, ()))

    def _fold(self, event: ev.Event) -> None:
        if isinstance(event, ev.MessagesAdded):
            self._came(event)
        elif isinstance(event, ev.FlagsChanged):
            self._flagged(event)
        elif isinstance(event, ev.MessagesExpunged):
            self._box(event.mailbox)
            self._left(event.mailbox, event.left)
        elif isinstance(event, ev.MailboxDeleted):
            self._box(event.mailbox, wholly=True)
            self._left(event.mailbox, event.left)
        elif isinstance(event, ev.MailboxCreated):
            self._made.add(event.mailbox)
            self._box(event.mailbox, wholly=True)
        elif isinstance(event, ev.AclChanged):
            self._acl(event)
        elif isinstance(event, ev.MailboxRenamed | ev.RoleChanged):
            self._box(event.mailbox, wholly=True)
        elif isinstance(event, ev.AnnotationsChanged):
            if event.mailbox:
                self._box(event.mailbox, wholly=True)
        elif isinstance(event, ev.SubscriptionChanged):
            self._names.add(event.name)
        elif isinstance(event, ev.ObjectsChanged):
            self._objects.setdefault(event.kind, {}).update(dict.fromkeys(event.ids))

    def _box(self, number: int, *, wholly: bool = False) -> None:
        self._boxes[number] = wholly or self._boxes.get(number, False)

    def _came(self, event: ev.MessagesAdded) -> None:
        self._box(event.mailbox)
        for row in event.rows:
            self._move(row.email, row.thread or row.email)
        if event.came != ev.COPIED:
            self._new.update(row.email for row in event.rows)
        else:
            for row in event.rows:
                self._gain(event.mailbox, row.email)

    def _flagged(self, event: ev.FlagsChanged) -> None:
        hides = bool((event.clear | event.set) & DELETED)
        if event.unseen or hides:
            self._box(event.mailbox)
        emails, threads = self.sight.at(event.mailbox, event.uids)
        self._touched.update(dict.fromkeys(emails))
        if hides:
            self._moved.update(emails)
            self._relinked.update(threads)
            for email, thread in zip(emails, threads, strict=True):
                if event.set & DELETED:
                    self._hold(event.mailbox, email, thread)
                else:
                    self._gain(event.mailbox, email)

    def _left(self, mailbox: int, left: bytes) -> None:
        known = leaving.decode(left)
        if known is None:
            self.unknown = True
            return
        for one in known:
            self._move(one.email, one.thread)
            if one.shown:
                self._hold(mailbox, one.email, one.thread)

    def _hold(self, mailbox: int, email: int, thread: int) -> None:
        """It was seen there; unless it had come there only now, it was seen before. A mailbox that is gone counts for
        all: whoever could not look into it is told of emails as known that he did not know."""
        box = self.sight.account.mailboxes.get(mailbox)
        gained = self._gained.get(email, _NOTHING)
        if gained[mailbox]:
            gained[mailbox] -= 1
        elif email not in self._new and (box is None or mailbox in self.sight.readable):
            self._held.add(email)
            self._had.add(thread)

    def _gain(self, mailbox: int, email: int) -> None:
        self._gained.setdefault(email, Counter())[mailbox] += 1

    def _move(self, email: int, thread: int) -> None:
        self._touched[email] = None
        self._moved.add(email)
        self._relinked.add(thread)

    def _acl(self, event: ev.AclChanged) -> None:
        self._box(event.mailbox, wholly=True)
        if self.sight.who is not None:  # all that is in it may have come, or gone, for him
            self._made.add(event.mailbox)
            self.unknown = True

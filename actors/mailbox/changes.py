"""What changed between two positions in the log, by the kinds of things that JMAP tells of (RFC 8620 5.2). Pure.

    told = Changes(sight)
    for entry in entries:
        told.fold(entry)
    told.emails(), told.threads(), told.mailboxes(), told.objects("Identity")

The law: whoever had a thing as it was at the first position, and takes what is told, has it as it is now. What was made
and is gone since is not told. Where the log does not say which emails came or went for who asks, `unknown` is set: then
nothing can be told of emails and threads.
"""

from collections.abc import Sequence
from typing import NamedTuple

from actors.mailbox import events as ev
from actors.mailbox import leaving
from actors.mailbox.sight import Sight
from actors.mailbox.types import DELETED


class Told(NamedTuple):
    """Numbers or names, each in one of the three, in ascending order."""

    created: list[int]
    updated: list[int]
    destroyed: list[int]


class Changes:
    """Folded from entries, for who sees `sight`."""

    def __init__(self, sight: Sight) -> None:
        self.unknown = False
        self.sight = sight
        self._moved: set[int] = set()  # emails that came, went, or were hidden or shown, anywhere
        self._touched: dict[int, None] = {}  # emails; an ordered set
        self._new: set[int] = set()  # emails that were stored
        self._shown: set[int] = set()  # emails that may not have been seen before
        self._relinked: set[int] = set()  # threads, of emails that came, went, or were hidden or shown
        self._had: set[int] = set()  # threads of which an email that was there before went from somewhere
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
        created = [email for email in self._touched if email in seen and email in (self._new | self._shown)]
        known = set(created)
        updated = [email for email in self._touched if email in seen and email not in known]
        destroyed = [email for email in self._touched if email not in seen and email not in self._new]
        return Told(sorted(created), sorted(updated), sorted(destroyed))

    def threads(self) -> Told:
        """Threads: those whose emails came or went."""
        threads = self._relinked
        there = self.sight.threads(threads)
        created = [thread for thread in threads if thread in there and self._is_new(thread, there[thread])]
        known = set(created)
        updated = [thread for thread in threads if thread in there and thread not in known]
        destroyed = [thread for thread in threads if thread not in there and thread not in self._new]
        return Told(sorted(created), sorted(updated), sorted(destroyed))

    def _is_new(self, thread: int, emails: Sequence[int]) -> bool:
        """Whether nobody need have known it: no email of it was there before."""
        return thread not in self._had and all(email in self._new or email in self._shown for email in emails)

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
            self._left(event.left)
        elif isinstance(event, ev.MailboxDeleted):
            self._box(event.mailbox, wholly=True)
            self._left(event.left)
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
        elif self.sight.who is not None:  # where it was before may not be for him to see
            self._shown.update(row.email for row in event.rows)

    def _flagged(self, event: ev.FlagsChanged) -> None:
        hides = bool((event.clear | event.set) & DELETED)
        if event.unseen or hides:
            self._box(event.mailbox)
        emails, threads = self.sight.at(event.mailbox, event.uids)
        self._touched.update(dict.fromkeys(emails))
        if hides:
            self._shown.update(emails)
            self._moved.update(emails)
            self._relinked.update(threads)

    def _left(self, left: bytes) -> None:
        known = leaving.decode(left)
        if known is None:
            self.unknown = True
            return
        for one in known:
            self._move(one.email, one.thread)
            if one.shown and one.email not in self._new and one.email not in self._shown:
                self._had.add(one.thread)

    def _move(self, email: int, thread: int) -> None:
        self._touched[email] = None
        self._moved.add(email)
        self._relinked.add(thread)

    def _acl(self, event: ev.AclChanged) -> None:
        self._box(event.mailbox, wholly=True)
        if self.sight.who is not None:  # all that is in it may have come, or gone, for him
            self._made.add(event.mailbox)
            self.unknown = True

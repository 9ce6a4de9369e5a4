"""What changed between two positions in the log, by the kinds of things that JMAP tells of (RFC 8620 5.2). Pure.

    told = Changes(sight)
    for entry in entries:
        told.fold(entry)
    told.emails(), told.threads(), told.mailboxes(), told.objects("Identity")

The law: whoever had a thing as it was at the first position, and takes what is told, has it as it is now. What was made
and is gone since is not told. Of what he may not see nobody is told anything. Where the log does not say which emails
came or went for who asks, `unknown` is set: then nothing can be told of emails and threads; likewise
`unknown_mailboxes`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from actors.mailbox import events as ev
from actors.mailbox import leaving
from actors.mailbox.sight import READ_FLAGS, Sight
from actors.mailbox.types import DELETED, SEPARATOR, Ranges


class Told(NamedTuple):
    """Numbers or names, each in one of the three, in ascending order."""

    created: list[int]
    updated: list[int]
    destroyed: list[int]


_NOTHING: Final[Mapping[int, bool]] = {}


class Changes:
    """Folded from entries, for who sees `sight`."""

    def __init__(self, sight: Sight) -> None:
        self.unknown = False  # which emails and threads changed
        self.unknown_mailboxes = False
        self.sight = sight
        self._moved: set[int] = set()  # emails that came, went, or were hidden or shown, anywhere
        self._touched: dict[int, None] = {}  # emails; an ordered set
        self._new: set[int] = set()  # emails that were stored
        self._maybe: set[int] = set()  # emails of which some row came or was shown
        self._held: set[int] = set()  # emails that were seen at first, by a row that is not there any more
        # Of rows that came, were hidden or shown: whether they were seen at first; by mailbox and UID.
        self._was_seen: dict[int, dict[int, bool]] = {}
        self._later: Changes | None = None
        self._relinked: set[int] = set()  # threads, of emails that came, went, or were hidden or shown
        self._recounted: set[int] = set()  # threads, of emails of which it changed whether or where they are unread
        self._had: set[int] = set()  # threads of which an email was seen at first, by a row that was hidden or went
        self._boxes: dict[int, bool] = {}  # mailboxes that changed: whether more than their counts
        self._made: set[int] = set()
        self._arranged: set[str] = set()  # names that mailboxes got or lost: they may be above others
        self._orphans = False  # some went, by names that are not known
        self._names: set[str] = set()  # subscribed, or not any more
        self._objects: dict[str, dict[str, None]] = {}

    def fold(self, entry: ev.Entry) -> None:
        """One more entry, in the order of the log."""
        for event in entry.events:
            if self.sight.who is None or self._concerns(event):
                self._fold(event)

    def before(self, later: "Changes") -> None:
        """These are told before others, which are of the same moment: what comes into sight with those is not told of
        with these."""
        self._later = later

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
        appeared, coming = self._appeared(seen), self._coming(seen)
        created = [email for email in seen if email in appeared and email not in coming]
        updated = [email for email in seen if email not in appeared and email not in coming]
        destroyed = [email for email in self._touched if email not in seen and email not in self._new]
        return Told(sorted(created), sorted(updated), sorted(destroyed))

    def threads(self) -> Told:
        """Threads: those whose emails came or went."""
        threads = self._relinked
        there = self.sight.threads(threads)
        appeared = self._threads_appeared(there)
        coming = self._later._threads_appeared(there) if self._later is not None else set()
        created = [thread for thread in there if thread in appeared and thread not in coming]
        updated = [thread for thread in there if thread not in appeared and thread not in coming]
        destroyed = [thread for thread in threads if thread not in there and thread not in self._new]
        return Told(sorted(created), sorted(updated), sorted(destroyed))

    def _appeared(self, emails: Collection[int]) -> set[int]:
        """Those of the emails, all seen now, that were not seen at first: they are new, or none of their rows was."""
        maybe = [email for email in emails if email in self._maybe and email not in self._held | self._new]
        known = {
            email
            for email, number, uid, shown in self.sight.places(maybe)
            if self._was_seen.get(number, _NOTHING).get(uid, shown)
        }
        return self._new.intersection(emails).union(maybe) - known

    def _coming(self, emails: Collection[int]) -> set[int]:
        """Those that appear in what is told later: they were not there in between."""
        return self._later._appeared(emails) if self._later is not None else set()

    def _threads_appeared(self, there: Mapping[int, Sequence[int]]) -> set[int]:
        """Those of the threads of which nothing was seen at first."""
        maybe = [thread for thread in there if thread in self._relinked and thread not in self._had]
        appeared = self._appeared({email for thread in maybe for email in there[thread]})
        return {thread for thread in maybe if appeared.issuperset(there[thread])}

    def mailboxes(self) -> tuple[Told, bool]:
        """Mailboxes, and whether of all that are updated only the counts have changed."""
        listed, account = self.sight.listed, self.sight.account
        boxes = dict(self._boxes)
        # Wherever an email is it counts as read if it is read anywhere, and its thread with it.
        threads = self.sight.threads(self._relinked | self._recounted)
        for one in self.sight.find(email for emails in threads.values() for email in emails).values():
            for number in one.mailboxes:
                if number in listed:
                    boxes.setdefault(number, False)
        boxes.update(dict.fromkeys(self._below(), True))
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

    def _below(self) -> Iterator[int]:
        """Mailboxes that may have another parent: one above them came or went."""
        for number, box in self.sight.listed.items() if self._arranged or self._orphans else ():
            above = [name for name in _above(box.name) if name in self._arranged]
            if above or (self._orphans and SEPARATOR in box.name):
                yield number

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
            self._left(event.mailbox, event.left, event.uids)
        elif isinstance(event, ev.MailboxDeleted):
            self._orphans |= not event.name
            self._arranged.add(event.name)
            self._box(event.mailbox, wholly=True)
            self._left(event.mailbox, event.left, None)
        elif isinstance(event, ev.AclChanged):
            self._acl(event)
        elif isinstance(event, ev.MailboxCreated | ev.MailboxRenamed | ev.RoleChanged | ev.AnnotationsChanged):
            self._set(event)
        elif isinstance(event, ev.SubscriptionChanged):
            self._names.add(event.name)
        elif isinstance(event, ev.ObjectsChanged):
            self._objects.setdefault(event.kind, {}).update(dict.fromkeys(event.ids))

    def _concerns(self, event: ev.Event) -> bool:
        """Whether an event is anything to one who is not the owner: he may see what it changes, or may have seen it."""
        if isinstance(event, ev.MessagesAdded | ev.FlagsChanged | ev.MessagesExpunged):
            return event.mailbox in self.sight.readable
        if isinstance(event, ev.MailboxCreated | ev.MailboxRenamed | ev.RoleChanged | ev.AnnotationsChanged):
            return event.mailbox in self.sight.listed
        if isinstance(event, ev.MailboxDeleted):  # who might see it then is not in the log
            self.unknown = self.unknown_mailboxes = True
            return False
        return isinstance(event, ev.AclChanged)

    def _box(self, number: int, *, wholly: bool = False) -> None:
        if self.sight.who is not None and number not in self.sight.listed:
            return
        self._boxes[number] = wholly or self._boxes.get(number, False)

    def _set(self, event: ev.MailboxCreated | ev.MailboxRenamed | ev.RoleChanged | ev.AnnotationsChanged) -> None:
        if isinstance(event, ev.MailboxCreated):
            self._made.add(event.mailbox)
        if isinstance(event, ev.MailboxCreated | ev.MailboxRenamed):
            self._arranged.add(event.name)  # what was below a renamed one was renamed with it
        if event.mailbox:
            self._box(event.mailbox, wholly=True)

    def _came(self, event: ev.MessagesAdded) -> None:
        self._box(event.mailbox)
        seen = self._was_seen.setdefault(event.mailbox, {})
        for row in event.rows:
            self._move(row.email, row.thread or row.email)
            seen[row.uid] = False
        (self._maybe if event.came == ev.COPIED else self._new).update(row.email for row in event.rows)

    def _flagged(self, event: ev.FlagsChanged) -> None:
        emails, threads = self.sight.at(event.mailbox, event.uids)
        self._touched.update(dict.fromkeys(emails))
        if (event.clear | event.set) & READ_FLAGS:
            self._box(event.mailbox)
            self._recounted.update(threads)
        if (event.clear | event.set) & DELETED:
            self._box(event.mailbox)
            self._moved.update(emails)
            self._relinked.update(threads)
            hides, seen = bool(event.set & DELETED), self._was_seen.setdefault(event.mailbox, {})
            had = [(uid, uid) for uid in _each(event.uids) if seen.setdefault(uid, hides) and hides]
            if hides:
                self._had.update(self.sight.at(event.mailbox, had)[1])
            else:
                self._maybe.update(emails)

    def _left(self, mailbox: int, left: bytes, uids: Ranges | None) -> None:
        """`uids`: of the same rows; None: of all that were there."""
        known = leaving.decode(left)
        if known is None:
            self.unknown = self.unknown_mailboxes = True
            return
        seen = self._was_seen.get(mailbox, _NOTHING)
        numbers = [0] * len(known) if uids is None else list(_each(uids))
        for one, uid in zip(known, numbers, strict=True):
            self._move(one.email, one.thread)
            if seen.get(uid, one.shown) and one.email not in self._new:
                self._held.add(one.email)
                self._had.add(one.thread)

    def _move(self, email: int, thread: int) -> None:
        self._touched[email] = None
        self._moved.add(email)
        self._relinked.add(thread)

    def _acl(self, event: ev.AclChanged) -> None:
        self._box(event.mailbox, wholly=True)
        if self.sight.who is not None:  # all that is in it may have come, or gone, for him
            self._made.add(event.mailbox)
            self._orphans = self.unknown = True
            if event.mailbox not in self.sight.listed:  # whether it was before is not in the log
                self.unknown_mailboxes = True


def _each(uids: Ranges) -> Iterator[int]:
    """Ranges are of rows that are there: no more than those."""
    for low, high in uids:
        yield from range(low, high + 1)


def _above(name: str) -> Iterator[str]:
    """The names of all levels above."""
    while SEPARATOR in name:
        name = name.rpartition(SEPARATOR)[0]
        yield name

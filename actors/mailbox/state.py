"""What an account is: the fold of its log. Pure: no store, no clock, no dice.

The law: `apply` is the only thing that changes an account, and it never fails on an entry that `decide` made. A
mailbox whose index is not loaded keeps the entries that its index has not seen (`pending`); counters are always
right without it. `check` states what must hold after every entry.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import Struct

from actors.mailbox import events as ev
from actors.mailbox.answers import Answers, Remembered
from actors.mailbox.index import Index
from actors.mailbox.stamps import kinds_of
from actors.mailbox.types import SEEN, Acl, Added, MailboxInfo, Quota, Role, Tree
from cluster.errors import Corrupt

VERSION: Final = 1


@dataclass(slots=True)
class Mailbox:
    """One mailbox's counters and, while somebody needs them, its rows."""

    id: int
    name: str
    role: Role
    uidvalidity: int
    uidnext: int = 1
    messages: int = 0
    unseen: int = 0
    size: int = 0
    recent_below: int = 1
    modseq: int = 0
    acl: Acl = ()
    index: Index | None = None
    pending: list[tuple[int, int, ev.Event]] = field(default_factory=list)

    def info(self) -> MailboxInfo:
        """What others see of it."""
        recent = min(self.messages, self.uidnext - self.recent_below)  # at most: some may be expunged by now
        return MailboxInfo(
            id=self.id,
            name=self.name,
            role=self.role,
            uidvalidity=self.uidvalidity,
            uidnext=self.uidnext,
            messages=self.messages,
            unseen=self.unseen,
            recent=recent,
            size=self.size,
            modseq=self.modseq,
            acl=self.acl,
        )

    def feed(self, modseq: int, time_ms: int, event: ev.Event) -> None:
        """Let the index see an event about its rows, now or when it is loaded."""
        if self.index is None:
            self.pending.append((modseq, time_ms, event))
        else:
            self.index.apply(modseq, time_ms, event)

    def loaded(self, index: Index) -> None:
        """Take the stored rows and bring them up to date."""
        for modseq, time_ms, event in self.pending:
            index.apply(modseq, time_ms, event)
        self.pending = []
        self.index = index


@dataclass(slots=True)
class Account:
    """An account in memory. `base` is the MODSEQ its stored snapshot holds; the log goes on from there."""

    id: int
    slot: int
    modseq: int = 0
    base: int = 0
    next_email: int = 1
    next_mailbox: int = 1
    last_uidvalidity: int = 0
    used_bytes: int = 0
    used_messages: int = 0
    keywords: list[str] = field(default_factory=list)
    subscriptions: set[str] = field(default_factory=set)
    mailboxes: dict[int, Mailbox] = field(default_factory=dict)
    by_name: dict[str, int] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    annotations: dict[int, dict[str, bytes]] = field(default_factory=dict)  # by mailbox; 0: the account's own
    stamps: dict[str, int] = field(default_factory=dict)  # stamps.py
    stamped: int = 0  # the MODSEQ of all stamps that are not there

    def named(self, name: str) -> Mailbox | None:
        """The mailbox of that (normalised) name."""
        number = self.by_name.get(name)
        return None if number is None else self.mailboxes[number]

    def has_room(self, size: int, messages: int, quota: Quota) -> bool:
        """Whether so many bytes and messages more stay within the quota."""
        fits = not quota.bytes_max or self.used_bytes + size <= quota.bytes_max
        return fits and (not quota.messages_max or self.used_messages + messages <= quota.messages_max)

    def tree(self, sees: Callable[[Mailbox], bool] = lambda _box: True) -> Tree:
        """What LIST, LSUB and STATUS are answered from."""
        boxes = (self.mailboxes[self.by_name[name]] for name in sorted(self.by_name))
        return Tree(
            mailboxes=tuple(box.info() for box in boxes if sees(box)),
            subscriptions=frozenset(self.subscriptions),
            keywords=tuple(self.keywords),
            used_bytes=self.used_bytes,
            used_messages=self.used_messages,
            modseq=self.modseq,
            stamps=tuple(sorted(self.stamps.items())),
            stamped=self.stamped,
        )

    def stamp(self, kind: str) -> int:
        """The MODSEQ of the last change of a kind."""
        return self.stamps.get(kind, self.stamped)

    def apply(self, modseq: int, entry: ev.Entry) -> None:
        """Fold one log entry in."""
        self.modseq = modseq
        for event in entry.events:
            _APPLY[type(event)](self, modseq, entry, event)
            for kind in kinds_of(event):
                self.stamps[kind] = modseq
        if entry.answer is not None:
            self.answers.note(modseq, entry)

    def check(self) -> None:
        """Invariants; tests call it after every entry."""
        assert self.base <= self.modseq
        assert sorted(self.by_name.values()) == sorted(self.mailboxes)
        assert self.used_messages == sum(box.messages for box in self.mailboxes.values())
        assert self.used_bytes == sum(box.size for box in self.mailboxes.values())
        for box in self.mailboxes.values():
            assert self.by_name[box.name] == box.id < self.next_mailbox
            assert 0 <= box.unseen <= box.messages < box.uidnext
            assert box.uidvalidity <= self.last_uidvalidity
            if box.index is not None:
                _check_index(box, box.index, self.next_email)

    def _added(self, modseq: int, entry: ev.Entry, event: ev.MessagesAdded) -> None:
        box = self.mailboxes[event.mailbox]
        first, last = event.rows[0].uid, event.rows[-1].uid
        size = 0
        for row in event.rows:
            size += row.size
            box.unseen += not row.flags & SEEN
            self.next_email = max(self.next_email, row.email + 1)
        box.messages += len(event.rows)
        box.size += size
        box.uidnext = last + 1
        if event.claimed:
            box.recent_below = last + 1
        box.modseq = modseq
        self.used_bytes += size
        self.used_messages += len(event.rows)
        box.feed(modseq, entry.time_ms, event)
        if entry.idem and entry.answer is None:
            answer = Added(box.id, box.uidvalidity, ((first, last),), modseq)
            self.answers.note_added(entry.idem, answer, entry.time_ms)

    def _flagged(self, modseq: int, entry: ev.Entry, event: ev.FlagsChanged) -> None:
        box = self.mailboxes[event.mailbox]
        box.unseen += event.unseen
        box.modseq = modseq
        box.feed(modseq, entry.time_ms, event)

    def _expunged(self, modseq: int, entry: ev.Entry, event: ev.MessagesExpunged) -> None:
        box = self.mailboxes[event.mailbox]
        box.messages -= event.messages
        box.unseen -= event.unseen
        box.size -= event.size
        box.modseq = modseq
        self.used_bytes -= event.size
        self.used_messages -= event.messages
        box.feed(modseq, entry.time_ms, event)

    def _created(self, modseq: int, _entry: ev.Entry, event: ev.MailboxCreated) -> None:
        self.mailboxes[event.mailbox] = Mailbox(
            event.mailbox, event.name, event.role, event.uidvalidity, modseq=modseq, acl=event.acl, index=Index()
        )
        self.by_name[event.name] = event.mailbox
        self.next_mailbox = max(self.next_mailbox, event.mailbox + 1)
        self.last_uidvalidity = max(self.last_uidvalidity, event.uidvalidity)

    def _renamed(self, modseq: int, _entry: ev.Entry, event: ev.MailboxRenamed) -> None:
        box = self.mailboxes[event.mailbox]
        if self.by_name.get(box.name) == box.id:
            del self.by_name[box.name]
        box.name = event.name
        box.modseq = modseq
        self.by_name[event.name] = box.id

    def _deleted(self, _modseq: int, _entry: ev.Entry, event: ev.MailboxDeleted) -> None:
        box = self.mailboxes.pop(event.mailbox)
        del self.by_name[box.name]
        self.annotations.pop(box.id, None)
        self.used_bytes -= box.size
        self.used_messages -= box.messages

    def _subscribed(self, _modseq: int, _entry: ev.Entry, event: ev.SubscriptionChanged) -> None:
        (self.subscriptions.add if event.on else self.subscriptions.discard)(event.name)

    def _defined(self, _modseq: int, _entry: ev.Entry, event: ev.KeywordsDefined) -> None:
        self.keywords.extend(event.names)

    def _claimed(self, _modseq: int, _entry: ev.Entry, event: ev.RecentClaimed) -> None:
        self.mailboxes[event.mailbox].recent_below = event.below

    def _acl_changed(self, modseq: int, _entry: ev.Entry, event: ev.AclChanged) -> None:
        box = self.mailboxes[event.mailbox]
        box.acl = event.acl
        box.modseq = modseq

    def _role_changed(self, modseq: int, _entry: ev.Entry, event: ev.RoleChanged) -> None:
        box = self.mailboxes[event.mailbox]
        box.role = event.role
        box.modseq = modseq

    def _objects(self, _modseq: int, _entry: ev.Entry, _event: ev.ObjectsChanged) -> None:
        """They are in the store; what is kept of them here is the stamp."""

    def _annotated(self, modseq: int, _entry: ev.Entry, event: ev.AnnotationsChanged) -> None:
        if event.mailbox:
            self.mailboxes[event.mailbox].modseq = modseq  # RFC 7162 3.2
        held = self.annotations.setdefault(event.mailbox, {})
        for name, value in event.pairs:
            if value is None:
                held.pop(name, None)
            else:
                held[name] = value
        if not held:
            del self.annotations[event.mailbox]


_APPLY: Final[dict[type, Callable[..., None]]] = {
    ev.MessagesAdded: Account._added,
    ev.FlagsChanged: Account._flagged,
    ev.MessagesExpunged: Account._expunged,
    ev.MailboxCreated: Account._created,
    ev.MailboxRenamed: Account._renamed,
    ev.MailboxDeleted: Account._deleted,
    ev.SubscriptionChanged: Account._subscribed,
    ev.KeywordsDefined: Account._defined,
    ev.RecentClaimed: Account._claimed,
    ev.AclChanged: Account._acl_changed,
    ev.RoleChanged: Account._role_changed,
    ev.AnnotationsChanged: Account._annotated,
    ev.ObjectsChanged: Account._objects,
}


def _check_index(box: Mailbox, index: Index, next_email: int) -> None:
    assert not box.pending
    assert index.count == box.messages
    assert int(index.sizes.sum()) == box.size
    assert int(((index.flags & SEEN) == 0).sum()) == box.unseen
    if index.count:
        assert (index.uids[1:] > index.uids[:-1]).all()
        assert index.uids[-1] < box.uidnext
        assert index.emails.max() < next_email


class _StoredMailbox(Struct, frozen=True, array_like=True):
    id: int
    name: str
    role: Role
    uidvalidity: int
    uidnext: int
    messages: int
    unseen: int
    size: int
    recent_below: int
    modseq: int
    acl: Acl = ()


class _Head(Struct, frozen=True, array_like=True):
    version: int
    modseq: int
    next_email: int
    next_mailbox: int
    last_uidvalidity: int
    used_bytes: int
    used_messages: int
    keywords: list[str]
    subscriptions: list[str]
    mailboxes: list[_StoredMailbox]
    idems: list[tuple[bytes, Added]]  # of Adds
    answers: list[tuple[bytes, Remembered]] = []  # of other commands
    times: list[int] = []  # when the one and the other were given
    annotations: list[tuple[int, str, bytes]] = []
    stamps: dict[str, int] = {}
    stamped: int | None = None  # None: there were none yet


_decoder = msgspec.msgpack.Decoder(_Head)


def encode_head(account: Account) -> bytes:
    """The account without its rows, as of `account.modseq`."""
    return msgspec.msgpack.encode(
        _Head(
            VERSION,
            account.modseq,
            account.next_email,
            account.next_mailbox,
            account.last_uidvalidity,
            account.used_bytes,
            account.used_messages,
            account.keywords,
            sorted(account.subscriptions),
            [
                _StoredMailbox(*(getattr(box, name) for name in _StoredMailbox.__struct_fields__))
                for box in account.mailboxes.values()
            ],
            list(account.answers.added.items()),
            list(account.answers.others.items()),
            account.answers.times,
            [(box, name, value) for box, held in account.annotations.items() for name, value in held.items()],
            account.stamps,
            account.stamped,
        )
    )


def decode_head(stored: bytes, account: int, slot: int) -> Account:
    """The inverse. Raises Corrupt."""
    try:
        head = _decoder.decode(stored)
    except ev.UNREADABLE as error:
        raise Corrupt("A mailbox's head record is damaged.", log=f"account {account}: {error}") from error
    if head.version != VERSION:
        raise Corrupt("A mailbox's head record is of another version.", log=f"head version {head.version}")
    boxes = {}
    for stored_box in head.mailboxes:
        box = Mailbox(*(getattr(stored_box, name) for name in _StoredMailbox.__struct_fields__))
        if not box.messages:
            box.index = Index()  # nothing to load
        boxes[box.id] = box
    annotations: dict[int, dict[str, bytes]] = {}
    for number, name, value in head.annotations:
        annotations.setdefault(number, {})[name] = value
    return Account(
        account,
        slot,
        head.modseq,
        head.modseq,
        head.next_email,
        head.next_mailbox,
        head.last_uidvalidity,
        head.used_bytes,
        head.used_messages,
        head.keywords,
        set(head.subscriptions),
        boxes,
        {box.name: box.id for box in boxes.values()},
        Answers(OrderedDict(head.idems), OrderedDict(head.answers), head.times),
        annotations,
        head.stamps,
        head.modseq if head.stamped is None else head.stamped,
    )

"""What a command does to an account: command in, log entries and effects out. Pure.

The law: nothing here changes the account; a decision is applied only as its entries. A command either gives all
its entries or raises a Trouble that says why. Entries of one decision are committed together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np

from actors.mailbox import events as ev
from actors.mailbox import names
from actors.mailbox.answers import Remembered
from actors.mailbox.index import Array, Index, ranges_of
from actors.mailbox.state import Account, Mailbox
from actors.mailbox.types import (
    DELETED,
    INBOX,
    KEYWORD_BYTES_MAX,
    KEYWORD_SHIFT,
    KEYWORDS_MAX,
    MAILBOXES_MAX,
    SEEN,
    Add,
    Added,
    Changed,
    Command,
    Copy,
    Create,
    Delete,
    Done,
    Expunge,
    Open,
    Opened,
    Prepared,
    Quota,
    Ranges,
    ReadTree,
    Rename,
    Reply,
    Role,
    SetFlags,
    Subscribe,
)
from cluster.errors import AlreadyExists, NotFound, OverLimit, OverQuota, Refused

UID_MAX: Final = 2**32 - 1  # RFC 3501 2.3.1.1; a client that copies all day reaches it
COPY_MAX: Final = 100_000  # rows of one COPY or MOVE: its entries and counters fit in one transaction
NO_QUOTA: Final = Quota()
SUBSCRIPTIONS_MAX: Final = 2 * MAILBOXES_MAX
_SYSTEM: Final = (1 << KEYWORD_SHIFT) - 1
_ALL: Final = (1 << (KEYWORD_SHIFT + KEYWORDS_MAX)) - 1

# RFC 6154 special-use mailboxes that every account starts with, under the names most clients expect.
FIRST_MAILBOXES: Final[tuple[tuple[str, Role], ...]] = (
    (INBOX, "inbox"),
    ("Drafts", "drafts"),
    ("Sent", "sent"),
    ("Junk", "junk"),
    ("Trash", "trash"),
    ("Archive", "archive"),
)

Cut = TypeVar("Cut", Sequence[ev.Row], Ranges, Array)


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may know of the world."""

    now_ms: int
    quota: Quota = NO_QUOTA
    watched: Callable[[int], bool] = lambda _mailbox: False  # does a session claim its \Recent?


@dataclass(slots=True)
class Decision:
    """What to commit. `events[i]` become the entry with the i-th next MODSEQ."""

    events: list[tuple[ev.Event, ...]] = field(default_factory=list)
    stored: list[tuple[int, Prepared]] = field(default_factory=list)  # (email, message) to write
    answers: list[ev.Answer] = field(
        default_factory=list
    )  # one an entry, stored with it if there is a key; of Add none
    copied: list[int] = field(default_factory=list)  # emails with one membership more
    dropped: list[Array] = field(default_factory=list)  # emails with one membership less
    cleared: list[int] = field(default_factory=list)  # mailboxes whose index pages go
    idem: bytes = b""
    reply: Callable[[Account], Reply] = lambda account: Done(account.modseq)


def decide(account: Account, command: Command, context: Context, idem: bytes = b"") -> Decision:
    """The decision. Raises NotFound, AlreadyExists, Refused, OverQuota.

    A command whose key is known already changes nothing, and is answered as it was.
    """
    if type(command) is Add and command.idem:
        idem = command.idem
    earlier = account.answers.get(idem) if idem else None
    if earlier is not None:
        return Decision(reply=lambda account: _again(account, earlier))
    decision = _DECIDE[type(command)](account, command, context)
    decision.idem = idem
    if idem and not decision.answers and type(command) is not Add:
        decision.answers = [ev.DoneAnswer()] * len(decision.events)
    return decision


def entries_of(decision: Decision, now_ms: int) -> list[ev.Entry]:
    """The log entries to commit, in order."""
    idem, events = decision.idem, decision.events
    if not idem or not decision.answers:
        return [ev.Entry(ev.VERSION, now_ms, idem, made) for made in events]
    answered = zip(events, decision.answers, strict=True)
    return [ev.Entry(ev.VERSION, now_ms, idem, made, answer) for made, answer in answered]


def _again(account: Account, earlier: Added | Remembered) -> Reply:
    """The answer of then. What was recent then is told with the mailbox as it is now."""
    if not isinstance(earlier, Remembered):
        return earlier
    claimed = earlier.answer
    if not isinstance(claimed, ev.ClaimAnswer):
        return earlier.reply
    box = account.mailboxes.get(claimed.mailbox)
    if box is None:
        raise NotFound("The mailbox was deleted.")
    return Opened(box.info(), tuple(account.keywords), claimed.first, claimed.below)


def indexes_needed(account: Account, command: Command) -> list[Mailbox]:
    """The mailboxes whose rows `decide` or the answer will look at."""
    boxes: list[Mailbox | None] = []
    if isinstance(command, SetFlags | Expunge | Copy):
        boxes = [account.mailboxes.get(command.mailbox)]
    elif isinstance(command, Delete):
        boxes = [account.named(_loose(command.name))]
    elif isinstance(command, Rename) and command.name.upper() == INBOX:
        boxes = [account.named(INBOX)]
    elif isinstance(command, Open):
        boxes = [_to_open(account, command)]
    return [box for box in boxes if box is not None and box.index is None]


def first_events(context: Context) -> tuple[ev.Event, ...]:
    """The entry an account begins with."""
    validity = _validity(0, context)
    made = tuple(
        ev.MailboxCreated(number, name, validity + number, role)
        for number, (name, role) in enumerate(FIRST_MAILBOXES, start=1)
    )
    return made + tuple(ev.SubscriptionChanged(name, on=True) for name, _role in FIRST_MAILBOXES)


def _add(account: Account, command: Add, context: Context) -> Decision:
    box = account.named(_loose(command.mailbox))
    if box is None and command.deliver:
        box = account.named(INBOX)
    if box is None:
        raise NotFound("There is no mailbox of that name.")
    _room(account, sum(item.message.size for item in command.items), len(command.items), context.quota)
    define, words = _keywords(account, [item.keywords for item in command.items])
    decision = Decision()
    rows = []
    for offset, (item, word) in enumerate(zip(command.items, words, strict=True)):
        email = account.next_email + offset
        rows.append(ev.Row(box.uidnext + offset, email, word | item.flags & _SYSTEM, item.message.size, item.date_ms))
        decision.stored.append((email, item.message))
    _add_rows(decision, box, rows, define, context)
    decision.reply = _added_reply(box.id, ((rows[0].uid, rows[-1].uid),))
    return decision


def _add_rows(
    decision: Decision, box: Mailbox, rows: Sequence[ev.Row], before: tuple[ev.Event, ...], context: Context
) -> None:
    if rows[-1].uid > UID_MAX:
        raise OverLimit("The mailbox has used up its UIDs; move its messages to a new one.")
    claimed = context.watched(box.id)
    for chunk in _chunks(rows, ev.ROWS_PER_EVENT_MAX):
        decision.events.append((*before, ev.MessagesAdded(box.id, tuple(chunk), claimed)))
        before = ()


def _added_reply(mailbox: int, uids: Ranges, source: Ranges = ()) -> Callable[[Account], Reply]:
    return lambda account: Added(mailbox, account.mailboxes[mailbox].uidvalidity, uids, account.modseq, source)


def _room(account: Account, size: int, messages: int, quota: Quota) -> None:
    if not account.has_room(size, messages, quota):
        raise OverQuota("The mailbox is full: delete mail or ask for a larger quota.")


def _keywords(account: Account, sets: Sequence[Sequence[str]]) -> tuple[tuple[ev.Event, ...], list[int]]:
    """The event that defines what is new among the keywords, and each set's flags word."""
    if not any(sets):
        return (), [0] * len(sets)
    table = {name.lower(): number for number, name in enumerate(account.keywords)}
    new = []
    for name in (name for names_ in sets for name in names_):
        if name.lower() not in table:
            table[name.lower()] = len(table)
            new.append(name)
        if len(name) > KEYWORD_BYTES_MAX:
            raise OverLimit(f"A keyword may have {KEYWORD_BYTES_MAX} characters.")
    if len(table) > KEYWORDS_MAX:
        raise OverLimit(f"An account may use {KEYWORDS_MAX} different keywords.")
    words = []
    for names_ in sets:
        word = 0
        for name in names_:
            word |= 1 << (KEYWORD_SHIFT + table[name.lower()])
        words.append(word)
    return ((ev.KeywordsDefined(tuple(new)),) if new else ()), words


def _set_flags(account: Account, command: SetFlags, _context: Context) -> Decision:
    box, index = _loaded(account, command.mailbox)
    rows = index.find(command.uids)
    failed: Ranges = ()
    if command.unchanged_since is not None:
        stale = index.modseqs[rows] > command.unchanged_since
        failed = ranges_of(index.uids[rows[stale]])
        rows = rows[~stale]
    adding = command.mode != "remove"
    define, (word,) = _keywords(account, [command.keywords]) if adding else ((), [_known(account, command.keywords)])
    word |= command.flags & _SYSTEM
    clear, set_ = {"add": (0, word), "remove": (word, 0), "replace": (_ALL, word)}[command.mode]
    before = index.flags[rows]
    after = before & ~np.int64(clear) | np.int64(set_)
    changing = before != after
    decision = Decision()
    for part in _row_chunks(index, rows[changing]):
        was, becomes = index.flags[part] & SEEN, (index.flags[part] & ~np.int64(clear) | np.int64(set_)) & SEEN
        unseen = int(np.count_nonzero(was)) - int(np.count_nonzero(becomes))
        uids = ranges_of(index.uids[part])
        decision.events.append((*define, ev.FlagsChanged(box.id, uids, clear, set_, unseen)))
        define = ()
    _note_failed(decision, failed)
    changed = ranges_of(index.uids[rows[changing]])
    decision.reply = lambda account: Changed(account.modseq, changed, failed)
    return decision


def _note_failed(decision: Decision, failed: Ranges) -> None:
    """The answer in pieces that fit into the entries, of which there may be too few."""
    if decision.events:
        pieces: list[ev.Answer] = [ev.ChangeAnswer(tuple(part)) for part in _chunks(failed, ev.RANGES_PER_ANSWER_MAX)]
        entries = len(decision.events)
        decision.answers = [*[ev.ChangeAnswer()] * (entries - len(pieces)), *pieces]
        decision.events[:0] = [()] * (len(pieces) - entries)  # first: the last entry is about the mailbox


def _known(account: Account, keywords: Sequence[str]) -> int:
    wanted = {name.lower() for name in keywords}
    return sum(1 << (KEYWORD_SHIFT + n) for n, name in enumerate(account.keywords) if name.lower() in wanted)


def _expunge(account: Account, command: Expunge, _context: Context) -> Decision:
    box, index = _loaded(account, command.mailbox)
    rows = np.flatnonzero(index.flags & DELETED)
    if command.uids is not None:
        rows = np.intersect1d(rows, index.find(command.uids), assume_unique=True)
    decision = Decision()
    gone = ranges_of(index.uids[rows])
    _remove_rows(decision, box, index, rows)
    decision.answers = [ev.ChangeAnswer()] * len(decision.events)
    if len(rows):
        decision.dropped.append(index.emails[rows])
    decision.reply = lambda account: Changed(account.modseq, gone)
    return decision


def _remove_rows(decision: Decision, box: Mailbox, index: Index, rows: Array) -> None:
    for part in _row_chunks(index, rows):
        unseen = len(part) - int(np.count_nonzero(index.flags[part] & SEEN))
        size = int(index.sizes[part].sum(dtype=np.int64))
        uids = ranges_of(index.uids[part])
        decision.events.append((ev.MessagesExpunged(box.id, uids, len(part), size, unseen),))


def _copy(account: Account, command: Copy, context: Context) -> Decision:
    box, index = _loaded(account, command.mailbox)
    target = account.named(_loose(command.target))
    if target is None:
        raise NotFound("There is no mailbox of that name.")
    rows = index.find(command.uids)
    return _transfer(account, box, index, rows, target, context, move=command.move)


def _transfer(
    account: Account, box: Mailbox, index: Index, rows: Array, target: Mailbox, context: Context, *, move: bool
) -> Decision:
    if len(rows) > COPY_MAX:
        raise OverLimit(f"Copy or move at most {COPY_MAX} messages at once.")
    decision = Decision()
    if not len(rows):
        decision.reply = _added_reply(target.id, ())
        return decision
    if not move:
        _room(account, int(index.sizes[rows].sum(dtype=np.int64)), len(rows), context.quota)
        decision.copied = index.emails[rows].tolist()
    moved = [
        ev.Row(target.uidnext + offset, *values)
        for offset, values in enumerate(
            zip(
                index.emails[rows].tolist(),
                index.flags[rows].tolist(),
                index.sizes[rows].tolist(),
                index.dates[rows].tolist(),
                strict=True,
            )
        )
    ]
    source = ranges_of(index.uids[rows])
    _add_rows(decision, target, moved, (), context)
    sources = [ranges_of(index.uids[part]) for part in _chunks(rows, ev.ROWS_PER_EVENT_MAX)]
    if move:
        _remove_rows(decision, box, index, rows)
    sources += [()] * (len(decision.events) - len(sources))
    decision.answers = [ev.CopyAnswer(target.uidvalidity, part) for part in sources]
    decision.reply = _added_reply(target.id, ((moved[0].uid, moved[-1].uid),), source)
    return decision


def _create(account: Account, command: Create, context: Context) -> Decision:
    name = names.normal(command.name)
    if name in account.by_name:
        raise AlreadyExists("A mailbox of that name exists.")
    if len(account.mailboxes) >= MAILBOXES_MAX:
        raise OverLimit(f"An account may have {MAILBOXES_MAX} mailboxes.")
    if command.role and any(box.role == command.role for box in account.mailboxes.values()):
        raise Refused("Another mailbox has that special use.")
    made = ev.MailboxCreated(account.next_mailbox, name, _validity(account.last_uidvalidity, context), command.role)
    return Decision([(made,)])


def _validity(last: int, context: Context) -> int:
    """RFC 3501 2.3.1.1: ever larger for a name that is made again; seconds since 1970 fit 32 bits until 2106."""
    return max(last + 1, context.now_ms // 1000)


def _delete(account: Account, command: Delete, _context: Context) -> Decision:
    name = _loose(command.name)
    if name == INBOX:
        raise Refused("INBOX cannot be deleted.")
    box = account.named(name)
    if box is None:
        if any(names.is_below(other, name) for other in account.by_name):
            raise Refused("This name only has mailboxes below it; delete those.")  # RFC 3501 6.3.4
        raise NotFound("There is no mailbox of that name.")
    _, index = _loaded(account, box.id)
    decision = Decision([(ev.MailboxDeleted(box.id),)], cleared=[box.id])
    if index.count:
        decision.dropped.append(index.emails.copy())
    return decision


def _rename(account: Account, command: Rename, context: Context) -> Decision:
    name, to = _loose(command.name), names.normal(command.to)
    below = [other for other in account.by_name if names.is_below(other, name)]
    if to in account.by_name:
        raise AlreadyExists("A mailbox of that name exists.")
    if name == INBOX:
        return _rename_inbox(account, to, context)
    if name not in account.by_name and not below:
        raise NotFound("There is no mailbox of that name.")
    if names.is_below(to, name):
        raise Refused("A mailbox cannot be moved below itself.")
    moved = [other for other in (name, *below) if other in account.by_name]
    renamed = {old: names.normal(to + old[len(name) :]) for old in moved}
    if not set(renamed.values()).isdisjoint(account.by_name):
        raise AlreadyExists("A mailbox of that name exists.")
    return Decision([tuple(ev.MailboxRenamed(account.by_name[old], new) for old, new in renamed.items())])


def _rename_inbox(account: Account, to: str, context: Context) -> Decision:
    """RFC 3501 6.3.5: the messages move to the new name, INBOX stays and is empty, names below it are not touched."""
    (made,) = _create(account, Create(to), context).events[0]
    assert isinstance(made, ev.MailboxCreated)
    inbox, index = _loaded(account, account.by_name[INBOX])
    target = Mailbox(made.mailbox, made.name, "", made.uidvalidity)
    decision = _transfer(account, inbox, index, np.arange(index.count), target, context, move=True)
    decision.events.insert(0, (made,))
    decision.answers = []
    decision.reply = lambda account: Done(account.modseq)
    return decision


def _subscribe(account: Account, command: Subscribe, _context: Context) -> Decision:
    name = names.normal(command.name) if command.on else _loose(command.name)
    if (name in account.subscriptions) == command.on:
        return Decision()
    if command.on and len(account.subscriptions) >= SUBSCRIPTIONS_MAX:
        raise OverLimit(f"An account may have {SUBSCRIPTIONS_MAX} subscriptions.")
    return Decision([(ev.SubscriptionChanged(name, command.on),)])


def _read_tree(_account: Account, _command: ReadTree, _context: Context) -> Decision:
    return Decision(reply=lambda account: account.tree())


def _open(account: Account, command: Open, _context: Context) -> Decision:
    box = _to_open(account, command)
    if box is None:
        raise NotFound("There is no mailbox of that name.")
    first, below, number = box.recent_below, box.uidnext, box.id
    claims = command.claim and first < below
    return Decision(
        [(ev.RecentClaimed(number, below),)] if claims else [],
        answers=[ev.ClaimAnswer(number, first, below)] if claims else [],
        reply=lambda account: Opened(account.mailboxes[number].info(), tuple(account.keywords), first, below),
    )


def _to_open(account: Account, command: Open) -> Mailbox | None:
    return account.mailboxes.get(command.mailbox) if command.mailbox else account.named(_loose(command.name))


def _loaded(account: Account, mailbox: int) -> tuple[Mailbox, Index]:
    box = account.mailboxes.get(mailbox)
    if box is None:
        raise NotFound("The mailbox was deleted.")
    assert box.index is not None, "the shard loads what indexes_needed names"
    return box, box.index


def _loose(name: str) -> str:
    """A name to look up: as stored if it could be stored, else something that no mailbox has."""
    try:
        return names.normal(name)
    except Refused:
        return ""


def _chunks(rows: Cut, size: int) -> Iterator[Cut]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _row_chunks(index: Index, rows: Array) -> Iterator[Array]:
    """Row numbers cut so that each part's UIDs make at most RANGES_PER_EVENT_MAX ranges."""
    if len(rows) <= ev.RANGES_PER_EVENT_MAX:
        return iter([rows] if len(rows) else [])
    breaks = np.flatnonzero(np.diff(index.uids[rows].astype(np.int64)) != 1) + 1
    cuts = breaks[ev.RANGES_PER_EVENT_MAX - 1 :: ev.RANGES_PER_EVENT_MAX]
    return (part for part in np.split(rows, cuts) if len(part))


_DECIDE: Final[dict[type, Callable[[Account, Any, Context], Decision]]] = {
    Add: _add,
    SetFlags: _set_flags,
    Expunge: _expunge,
    Copy: _copy,
    Create: _create,
    Delete: _delete,
    Rename: _rename,
    Subscribe: _subscribe,
    ReadTree: _read_tree,
    Open: _open,
}

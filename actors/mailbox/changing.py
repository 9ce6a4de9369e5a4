"""What a command about messages does: a part of decide.py. Pure.

The law: as decide.py has it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from actors.mailbox import events as ev
from actors.mailbox import leaving, rights
from actors.mailbox.decision import Context, Decision, chunks, loaded, loose, named
from actors.mailbox.index import Array, Index, ranges_of
from actors.mailbox.state import Account, Mailbox
from actors.mailbox.types import (
    ADD_BYTES_MAX,
    COPY_MAX,
    DELETED,
    INBOX,
    KEYWORD_BYTES_MAX,
    KEYWORD_SHIFT,
    KEYWORDS_MAX,
    SEEN,
    Add,
    Added,
    Changed,
    Copy,
    Expunge,
    Quota,
    Ranges,
    Reply,
    SetFlags,
    Tallied,
    Tally,
    Who,
)
from cluster.errors import NoRight, NotFound, OverLimit, OverQuota, Refused

UID_MAX: Final = 2**32 - 1  # RFC 3501 2.3.1.1; a client that copies all day reaches it
_SYSTEM: Final = (1 << KEYWORD_SHIFT) - 1
_ALL: Final = (1 << (KEYWORD_SHIFT + KEYWORDS_MAX)) - 1


def add(account: Account, command: Add, context: Context) -> Decision:
    box = account.named(loose(command.mailbox))
    if box is None and command.deliver:
        box = account.named(INBOX)
    if box is None:
        raise NotFound("There is no mailbox of that name.")
    rights.need(box.acl, command.who, rights.INSERT)
    if command.weight > ADD_BYTES_MAX:
        raise OverLimit("These are too many messages at once; add them one after the other.")
    items = rights.items_allowed(box.acl, command.who, command.items)
    replaced = _replaced(account, command) if command.replaces else None
    freed = int(replaced[1].sizes[replaced[2]].sum(dtype=np.int64)) if replaced else 0
    check_room(account, sum(item.message.size for item in items) - freed, len(items) - bool(replaced), context.quota)
    define, words = keywords_event(account, [item.keywords for item in items])
    decision = Decision()
    rows = []
    for offset, (item, word) in enumerate(zip(items, words, strict=True)):
        email = account.next_email + offset
        thread = thread_of(decision, email, item.message.threads, context)
        rows.append(
            ev.Row(box.uidnext + offset, email, word | item.flags & _SYSTEM, item.message.size, item.date_ms, thread)
        )
        decision.stored.append((email, item.message))
    add_rows(decision, box, rows, define, context, ev.DELIVERED if command.deliver else ev.STORED)
    if replaced:
        remove_rows(decision, *replaced)
        decision.dropped.append(replaced[1].emails[replaced[2]])
        decision.answers = [ev.CopyAnswer(box.uidvalidity, ())] * len(decision.events)
    decision.reply = added_reply(box.id, ((rows[0].uid, rows[-1].uid),))
    return decision


def _replaced(account: Account, command: Add) -> tuple[Mailbox, Index, Array]:
    """The message that goes, which must be there (RFC 8508 3.1)."""
    assert command.replaces is not None
    number, uid = command.replaces
    box, index = loaded(account, number)
    rights.need(box.acl, command.who, rights.DELETE + rights.EXPUNGE)
    rows = index.find(((uid, uid),))
    if not len(rows):
        raise Refused("The message to replace is not there any more.")
    return box, index, rows


def thread_of(decision: Decision, email: int, keys: tuple[bytes, ...], context: Context) -> int:
    """The thread a new message is of, 0 for one of its own; its message ids are known as of it from then on."""
    known = [decision.threads.get(key) or context.thread_of(key) for key in keys]
    thread = next((found for found in known if found), email)
    decision.threads.update((key, thread) for key, found in zip(keys, known, strict=True) if not found)
    return 0 if thread == email else thread


def add_rows(
    decision: Decision,
    box: Mailbox,
    rows: Sequence[ev.Row],
    before: tuple[ev.Event, ...],
    context: Context,
    came: ev.Came,
) -> None:
    if rows[-1].uid > UID_MAX:
        raise OverLimit("The mailbox has used up its UIDs; move its messages to a new one.")
    claimed = context.watched(box.id)
    for chunk in chunks(rows, ev.ROWS_PER_EVENT_MAX):
        decision.events.append((*before, ev.MessagesAdded(box.id, tuple(chunk), claimed, came)))
        before = ()


def added_reply(mailbox: int, uids: Ranges, source: Ranges = ()) -> Callable[[Account], Reply]:
    return lambda account: Added(mailbox, account.mailboxes[mailbox].uidvalidity, uids, account.modseq, source)


def check_room(account: Account, size: int, messages: int, quota: Quota) -> None:
    if not account.has_room(size, messages, quota):
        raise OverQuota("The mailbox is full: delete mail or ask for a larger quota.")


def keywords_event(account: Account, sets: Sequence[Sequence[str]]) -> tuple[tuple[ev.Event, ...], list[int]]:
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


def set_flags(account: Account, command: SetFlags, _context: Context) -> Decision:
    box, index = loaded(account, command.mailbox)
    rows = index.find(command.uids)
    failed: Ranges = ()
    if command.unchanged_since is not None:
        stale = index.modseqs[rows] > command.unchanged_since
        failed = ranges_of(index.uids[rows[stale]])
        rows = rows[~stale]
    adding = command.mode != "remove"
    define, (word,) = (
        keywords_event(account, [command.keywords]) if adding else ((), [known_bits(account, command.keywords)])
    )
    word |= command.flags & _SYSTEM
    clear, set_ = {"add": (0, word), "remove": (word, 0), "replace": (_ALL, word)}[command.mode]
    if command.who is not None:
        clear, set_ = _allowed(box, command.who, clear, set_)
        define = define if set_ & ~_SYSTEM else ()
    before = index.flags[rows]
    after = before & ~np.int64(clear) | np.int64(set_)
    changing = before != after
    decision = Decision()
    turned = (before ^ after) & DELETED != 0
    for some, mask in ((rows[changing & ~turned], ~DELETED), (rows[changing & turned], -1)):
        # Apart, so that the log says of which messages \\Deleted has changed: JMAP's clients see them come and go.
        clears, sets = clear & mask, set_ & mask
        for part in row_chunks(index, some):
            was, becomes = index.flags[part] & SEEN, (index.flags[part] & ~np.int64(clears) | np.int64(sets)) & SEEN
            unseen = int(np.count_nonzero(was)) - int(np.count_nonzero(becomes))
            uids = ranges_of(index.uids[part])
            decision.events.append((*define, ev.FlagsChanged(box.id, uids, clears, sets, unseen)))
            define = ()
    _note_failed(decision, failed)
    changed = ranges_of(index.uids[rows[changing]])
    decision.reply = lambda account: Changed(account.modseq, changed, failed)
    return decision


def _allowed(box: Mailbox, who: Who, clear: int, set_: int) -> tuple[int, int]:
    """Those of the changes that somebody may make. RFC 4314 4: refused only if none is."""
    rights.need(box.acl, who, rights.READ)
    allowed = rights.flags_allowed(box.acl, who)
    if not (clear | set_) & allowed and (clear | set_ or not allowed):
        raise NoRight("You do not have the right to change these flags.")
    return clear & allowed, set_ & allowed


def _note_failed(decision: Decision, failed: Ranges) -> None:
    """The answer in pieces that fit into the entries, of which there may be too few."""
    if decision.events:
        pieces: list[ev.Answer] = [ev.ChangeAnswer(tuple(part)) for part in chunks(failed, ev.RANGES_PER_ANSWER_MAX)]
        entries = len(decision.events)
        decision.answers = [*[ev.ChangeAnswer()] * (entries - len(pieces)), *pieces]
        decision.events[:0] = [()] * (len(pieces) - entries)  # first: the last entry is about the mailbox


def known_bits(account: Account, keywords: Sequence[str]) -> int:
    wanted = {name.lower() for name in keywords}
    return sum(1 << (KEYWORD_SHIFT + n) for n, name in enumerate(account.keywords) if name.lower() in wanted)


def expunge(account: Account, command: Expunge, _context: Context) -> Decision:
    box, index = loaded(account, command.mailbox)
    rights.need(box.acl, command.who, rights.EXPUNGE)
    rows = np.flatnonzero(index.flags & DELETED)
    if command.uids is not None:
        rows = np.intersect1d(rows, index.find(command.uids), assume_unique=True)
    decision = Decision()
    gone = ranges_of(index.uids[rows])
    remove_rows(decision, box, index, rows)
    decision.answers = [ev.ChangeAnswer()] * len(decision.events)
    if len(rows):
        decision.dropped.append(index.emails[rows])
    decision.reply = lambda account: Changed(account.modseq, gone)
    return decision


def remove_rows(decision: Decision, box: Mailbox, index: Index, rows: Array) -> None:
    for part in chunks(rows, ev.ROWS_PER_EVENT_MAX):
        unseen = len(part) - int(np.count_nonzero(index.flags[part] & SEEN))
        size = int(index.sizes[part].sum(dtype=np.int64))
        uids, left = ranges_of(index.uids[part]), leaving.encode(index, part)
        decision.events.append((ev.MessagesExpunged(box.id, uids, len(part), size, unseen, left),))


def copy(account: Account, command: Copy, context: Context) -> Decision:
    box, index = loaded(account, command.mailbox)
    target = account.named(loose(command.target))
    if target is None:
        raise NotFound("There is no mailbox of that name.")
    rights.need(box.acl, command.who, rights.READ + (rights.DELETE + rights.EXPUNGE) * command.move)
    rights.need(target.acl, command.who, rights.INSERT)
    rows = index.find(command.uids)
    keeps = rights.flags_allowed(target.acl, command.who)
    return transfer(account, box, index, rows, target, context, move=command.move, keeps=keeps)


def transfer(
    account: Account,
    box: Mailbox,
    index: Index,
    rows: Array,
    target: Mailbox,
    context: Context,
    *,
    move: bool,
    keeps: int = -1,
) -> Decision:
    """`keeps`: the flags that may be set there."""
    if len(rows) > COPY_MAX:
        raise OverLimit(f"Copy or move at most {COPY_MAX} messages at once.")
    decision = Decision()
    if not len(rows):
        decision.reply = added_reply(target.id, ())
        return decision
    if not move:
        check_room(account, int(index.sizes[rows].sum(dtype=np.int64)), len(rows), context.quota)
        decision.copied = index.emails[rows].tolist()
    moved = [
        ev.Row(target.uidnext + offset, *values)
        for offset, values in enumerate(
            zip(
                index.emails[rows].tolist(),
                (index.flags[rows] & keeps).tolist(),
                index.sizes[rows].tolist(),
                index.dates[rows].tolist(),
                index.threads_of(rows).tolist(),
                strict=True,
            )
        )
    ]
    source = ranges_of(index.uids[rows])
    add_rows(decision, target, moved, (), context, ev.COPIED)
    sources = [ranges_of(index.uids[part]) for part in chunks(rows, ev.ROWS_PER_EVENT_MAX)]
    if move:
        remove_rows(decision, box, index, rows)
    sources += [()] * (len(decision.events) - len(sources))
    decision.answers = [ev.CopyAnswer(target.uidvalidity, part) for part in sources]
    decision.reply = added_reply(target.id, ((moved[0].uid, moved[-1].uid),), source)
    return decision


def tally(account: Account, command: Tally, _context: Context) -> Decision:
    box, index = loaded(account, named(account, command.name).id)
    rights.need(box.acl, command.who, rights.READ)
    deleted = np.flatnonzero(index.flags & DELETED)
    told = Tallied(len(deleted), int(index.sizes[deleted].sum(dtype=np.int64)))
    return Decision(reply=lambda _account: told)


def row_chunks(index: Index, rows: Array) -> Iterator[Array]:
    """Row numbers cut so that each part's UIDs make at most RANGES_PER_EVENT_MAX ranges."""
    if len(rows) <= ev.RANGES_PER_EVENT_MAX:
        return iter([rows] if len(rows) else [])
    breaks = np.flatnonzero(np.diff(index.uids[rows].astype(np.int64)) != 1) + 1
    cuts = breaks[ev.RANGES_PER_EVENT_MAX - 1 :: ev.RANGES_PER_EVENT_MAX]
    return (part for part in np.split(rows, cuts) if len(part))

"""What a command about emails does, wherever they are: a part of decide.py, for JMAP, which knows no UIDs. Pure.

The law: as decide.py has it. An email is where a row of it is; a row with \\Deleted is nowhere (RFC 8621 4.1.1), and
goes when its email is taken out of that mailbox or put into it anew. Who is not the owner touches only the rows that he
may read. An edit is done wholly or not at all; those of one command that fail keep no other from being done.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from actors.mailbox import events as ev
from actors.mailbox import rights
from actors.mailbox.changing import (
    add_rows,
    check_room,
    keywords_event,
    known_bits,
    remove_rows,
    row_chunks,
    thread_of,
)
from actors.mailbox.decision import Context, Decision
from actors.mailbox.index import Index, ranges_of
from actors.mailbox.state import Account, Mailbox
from actors.mailbox.types import (
    ADD_BYTES_MAX,
    DELETED,
    EDITS_MAX,
    KEYWORD_SHIFT,
    KEYWORDS_MAX,
    SEEN,
    Edit,
    Edited,
    EmailEdit,
    Fault,
    Place,
    Placed,
    Who,
)
from cluster.errors import NoRight, NotFound, OverLimit, OverQuota, Stale

_SYSTEM: Final = (1 << KEYWORD_SHIFT) - 1
_FLAGS: Final = (1 << (KEYWORD_SHIFT + KEYWORDS_MAX)) - 1 & ~DELETED


def place(account: Account, command: Place, context: Context) -> Decision:
    """Each message becomes one email, with a row in each of the mailboxes."""
    boxes = [_box(account, number, command.who) for number in dict.fromkeys(command.mailboxes)]
    if not boxes or not command.items:
        raise NotFound("There is no mailbox of that name.")
    for box in boxes:
        rights.need(box.acl, command.who, rights.INSERT)
    if command.weight > ADD_BYTES_MAX or len(command.items) * len(boxes) > ev.ROWS_PER_EVENT_MAX:
        raise OverLimit("These are too many messages at once; add them one after the other.")
    size = sum(item.message.size for item in command.items)
    check_room(account, size * len(boxes), len(command.items) * len(boxes), context.quota)
    define, words = keywords_event(account, [item.keywords for item in command.items])
    decision = Decision()
    made = []
    for offset, item in enumerate(command.items):
        email = account.next_email + offset
        thread = thread_of(decision, email, item.message.threads, context)
        made.append((email, thread or email))
        decision.stored.append((email, item.message))
        decision.copied += [email] * (len(boxes) - 1)
    for box in boxes:
        allowed = rights.flags_allowed(box.acl, command.who)
        rows = [
            ev.Row(
                box.uidnext + offset,
                email,
                (words[offset] | item.flags & _SYSTEM) & allowed,
                item.message.size,
                item.date_ms,
                0 if thread == email else thread,
            )
            for offset, ((email, thread), item) in enumerate(zip(made, command.items, strict=True))
        ]
        add_rows(decision, box, rows, define, context, ev.STORED if box is boxes[0] else ev.COPIED)
        define = ()
    emails = tuple(made)
    decision.answers = [ev.PlaceAnswer(emails), *[ev.PlaceAnswer(())] * (len(decision.events) - 1)]
    decision.reply = lambda account: Placed(account.modseq, emails)
    return decision


@dataclass(slots=True)
class _Where:
    """An email: its rows, by mailbox, of which one may have several. `hidden`: those with \\Deleted."""

    shown: dict[int, list[int]] = field(default_factory=dict)
    hidden: dict[int, list[int]] = field(default_factory=dict)

    def rows(self, number: int) -> list[int]:
        """All in a mailbox."""
        return self.shown.get(number, []) + self.hidden.get(number, [])


@dataclass(slots=True)
class _Plan:
    """What is to be done in a mailbox."""

    flags: dict[tuple[int, int], list[int]] = field(default_factory=dict)  # rows by what is cleared and set
    gone: list[int] = field(default_factory=list)
    come: list[tuple[int, int, int, int, int]] = field(default_factory=list)  # all of a Row but its UID


def edit(account: Account, command: Edit, context: Context) -> Decision:
    """All that can be done."""
    if command.since is not None and account.stamp("Email") > command.since:
        raise Stale("The emails have changed since.")
    if len(command.edits) > EDITS_MAX:
        raise OverLimit(f"Change at most {EDITS_MAX} emails at once.")
    return _Editing(account, command, context).decision()


class _Editing:
    """One command's. The account's keywords and room are counted as the edits before would have left them."""

    def __init__(self, account: Account, command: Edit, context: Context) -> None:
        self._account = account
        self._who = command.who
        self._edits = command.edits
        self._context = context
        self._plans: dict[int, _Plan] = {}
        self._words: list[str] = []  # keywords that are to be defined
        self._size = 0  # that is used more
        self._messages = 0
        self._copied: list[int] = []
        self._readable = [
            box for box in account.mailboxes.values() if rights.READ in rights.rights_of(box.acl, self._who)
        ]
        self._found = _where(self._readable, {one.email for one in self._edits})

    def decision(self) -> Decision:
        """Of all edits; one email's second edit would be decided by what was there before the first, so it fails."""
        failed: list[tuple[int, Fault]] = []
        seen: set[int] = set()
        for one in self._edits:
            try:
                self._one(one, self._found.get(one.email) if one.email not in seen else None)
            except NotFound:
                failed.append((one.email, "missing"))
            except _Unplaced:
                failed.append((one.email, "unplaced"))
            except NoRight:
                failed.append((one.email, "forbidden"))
            except OverQuota:
                failed.append((one.email, "quota"))
            except OverLimit:
                failed.append((one.email, "keywords"))
            seen.add(one.email)
        decision = self._planned()
        said = tuple(failed)
        if decision.events:
            missed = ranges_of(np.array(sorted({email for email, _why in failed}), np.int64))
            decision.answers = [*[ev.EditAnswer()] * (len(decision.events) - 1), ev.EditAnswer(missed)]
        decision.reply = lambda account: Edited(account.modseq, said)
        return decision

    def _one(self, one: EmailEdit, where: "_Where | None") -> None:
        """Check all, then plan all."""
        if where is None or not where.shown:
            raise NotFound("There is no such email.")
        is_in = where.shown.keys()
        after = set(one.only) if one.only is not None else (is_in | set(one.into)) - set(one.out)
        if not after and one.only != ():
            raise _Unplaced
        come, gone = after - is_in, is_in - after
        for number in come:
            box = self._account.mailboxes.get(number)
            if box is None:
                raise _Unplaced
            try:
                rights.need(box.acl, self._who, rights.INSERT)
            except NotFound:  # he may not know of it
                raise _Unplaced from None
        for number in gone:
            rights.need(self._account.mailboxes[number].acl, self._who, rights.DELETE + rights.EXPUNGE)
        words = self._new_words(one)
        clear, set_ = self._masks(one, words)
        changes = [change for number in is_in & after for change in self._changes(number, where, clear, set_)]
        index, row = self._first(where)
        leave = sum(len(where.rows(number)) for number in (where.hidden.keys() if one.only == () else come) | gone)
        messages = len(come) - leave
        size = int(index.sizes[row]) * messages
        if messages > 0:
            check_room(self._account, self._size + size, self._messages + messages, self._context.quota)
        self._words += words
        self._size += size
        self._messages += messages
        self._plan(one, where, changes, come, gone, self._union(where) & ~clear | set_)

    def _changes(self, number: int, where: _Where, clear: int, set_: int) -> Iterator[tuple[int, int, int, int]]:
        """A mailbox's rows whose flags become others. Raises NoRight."""
        allowed = rights.flags_allowed(self._account.mailboxes[number].acl, self._who)
        for row in where.shown[number]:
            flags = int(self._index(number).flags[row])
            if (flags ^ (flags & ~clear | set_)) & ~allowed:
                raise NoRight("You do not have the right to change these flags.")
            if flags & ~clear | set_ != flags:
                yield number, row, clear & allowed, set_ & allowed

    def _plan(
        self,
        one: EmailEdit,
        where: _Where,
        changes: list[tuple[int, int, int, int]],
        come: set[int],
        gone: set[int],
        flags: int,
    ) -> None:
        for number, row, clear, set_ in changes:
            self._of(number).flags.setdefault((clear, set_), []).append(row)
        # What had \\Deleted makes room for what comes; of what is destroyed nothing stays.
        for number in (where.hidden.keys() if one.only == () else come) | gone:
            self._of(number).gone += where.rows(number)
        index, row = self._first(where)
        thread = int(index.threads_of(row))
        for number in sorted(come):
            allowed = rights.flags_allowed(self._account.mailboxes[number].acl, self._who)
            values = (one.email, flags & allowed, int(index.sizes[row]), int(index.dates[row]))
            self._of(number).come.append((*values, 0 if thread == one.email else thread))
            self._copied.append(one.email)

    def _planned(self) -> Decision:
        decision = Decision(copied=self._copied)
        define, _bits = keywords_event(self._account, [self._words])
        for number, plan in sorted(self._plans.items()):
            box, index = self._account.mailboxes[number], self._index(number)
            for (clear, set_), rows in plan.flags.items():
                for part in row_chunks(index, np.array(sorted(rows))):
                    before = index.flags[part] & SEEN
                    after = (index.flags[part] & ~np.int64(clear) | np.int64(set_)) & SEEN
                    unseen = int(np.count_nonzero(before)) - int(np.count_nonzero(after))
                    uids = ranges_of(index.uids[part])
                    decision.events.append((*define, ev.FlagsChanged(box.id, uids, clear, set_, unseen)))
                    define = ()
        for number, plan in sorted(self._plans.items()):
            if plan.come:
                box = self._account.mailboxes[number]
                rows_ = [ev.Row(box.uidnext + offset, *values) for offset, values in enumerate(plan.come)]
                add_rows(decision, box, rows_, define, self._context, ev.COPIED)
                define = ()
        for number, plan in sorted(self._plans.items()):
            if plan.gone:
                box, index = self._account.mailboxes[number], self._index(number)
                gone = np.array(sorted(plan.gone))
                remove_rows(decision, box, index, gone)
                decision.dropped.append(index.emails[gone])
        return decision

    def _new_words(self, one: EmailEdit) -> list[str]:
        """Keywords that are not in the table yet. Raises OverLimit."""
        known = {name.lower() for name in (*self._account.keywords, *self._words)}
        new = [name for name in one.add if name.lower() not in known]
        keywords_event(self._account, [[*self._words, *new]])
        return new

    def _masks(self, one: EmailEdit, words: list[str]) -> tuple[int, int]:
        """What is cleared and what is set."""
        table = {name.lower(): number for number, name in enumerate((*self._account.keywords, *self._words, *words))}
        set_ = one.set & _SYSTEM & ~DELETED
        for name in one.add:
            set_ |= 1 << (KEYWORD_SHIFT + table[name.lower()])
        if one.replace:
            return _FLAGS, set_
        return (one.clear & _SYSTEM & ~DELETED | known_bits(self._account, one.remove)) & ~set_, set_

    def _union(self, where: _Where) -> int:
        """Its flags: those of any of its rows that are shown."""
        flags = 0
        for number, rows in where.shown.items():
            for row in rows:
                flags |= int(self._index(number).flags[row])
        return flags

    def _first(self, where: _Where) -> tuple[Index, int]:
        """One of its rows: in what does not change they are all the same."""
        number = min(where.shown)
        return self._index(number), where.shown[number][0]

    def _index(self, number: int) -> Index:
        index = self._account.mailboxes[number].index
        assert index is not None, "the shard loads what indexes_needed names"
        return index

    def _of(self, number: int) -> _Plan:
        return self._plans.setdefault(number, _Plan())


class _Unplaced(Exception):
    """A mailbox is not there, or none is left."""


def _box(account: Account, number: int, who: Who | None) -> Mailbox:
    box = account.mailboxes.get(number)
    if box is None or not rights.rights_of(box.acl, who):
        raise NotFound("There is no mailbox of that name.")
    return box


def _where(boxes: Iterable[Mailbox], emails: set[int]) -> dict[int, _Where]:
    """Where these emails are."""
    found: dict[int, _Where] = {}
    wanted = np.array(sorted(emails), np.int64)
    for box in boxes:
        index = box.index
        assert index is not None, "the shard loads what indexes_needed names"
        rows = np.flatnonzero(np.isin(index.emails, wanted))
        for row, email, flags in zip(
            rows.tolist(), index.emails[rows].tolist(), index.flags[rows].tolist(), strict=True
        ):
            where = found.setdefault(email, _Where())
            (where.hidden if flags & DELETED else where.shown).setdefault(box.id, []).append(row)
    return found

"""What somebody sees of an account as emails, threads and mailboxes (RFC 8621): made of a mirror's rows.

    sight = sight_of(mirror, who)
    sight.find([7, 9])                # where these emails are, and how
    sight.table()                     # all emails, as columns

The law: an email is seen if a row without \\Deleted of it is in a mailbox that may be read (RFC 8621 4.1.1); its
keywords are those of any such row. What is made is kept with the mirror while the rows it was made of stay as they are,
and is bounded by their number. Nothing here is kept over an await by who asks: arrays are read and not written to.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np

from actors.mailbox import annotating
from actors.mailbox.index import Array, Index
from actors.mailbox.mirror import Mirror
from actors.mailbox.rights import LOOKUP, READ, rights_of
from actors.mailbox.state import Account, Mailbox
from actors.mailbox.types import DELETED, DRAFT, SEEN, Who

__all__ = ["Counts", "Mailbox", "Rows", "Seen", "Sight", "Table", "holders_of", "sight_of"]

READ_FLAGS: Final = SEEN | DRAFT  # with any of them an email is not unread (RFC 8621 2)
_MADE_MAX: Final = 200  # things made of one mirror: a few of each mailbox somebody looks at
Made = TypeVar("Made")


class Seen(NamedTuple):
    """An email. `flags`: of any of its rows (types.py)."""

    email: int
    mailboxes: tuple[int, ...]
    flags: int
    size: int
    date_ms: int
    thread: int


class Rows(NamedTuple):
    """Emails as columns, one row each, ascending by email. `flags`: of any of their rows."""

    emails: Array
    flags: Array
    sizes: Array
    dates: Array
    threads: Array


class Table(NamedTuple):
    """All emails that are seen. Those in `holders[starts[i] : starts[i + 1]]` are the mailboxes of the i-th."""

    rows: Rows
    holders: Array
    starts: Array


class Counts(NamedTuple):
    """Of a mailbox (RFC 8621 2)."""

    emails: int
    unread: int
    threads: int
    unread_threads: int


def sight_of(mirror: Mirror, who: Who | None) -> "Sight":
    """As `who` sees it now; None: its owner."""
    return Sight(mirror, who)


class Sight:
    """One person's, until the next await."""

    def __init__(self, mirror: Mirror, who: Who | None) -> None:
        self._mirror = mirror
        self.account: Account = mirror.account
        self.who = who
        boxes = mirror.account.mailboxes
        self.listed: dict[int, Mailbox] = boxes  # those he may know of
        self.readable: dict[int, Mailbox] = boxes
        if who is not None:
            has = {number: rights_of(box.acl, who) for number, box in boxes.items()}
            self.listed = {number: box for number, box in boxes.items() if LOOKUP in has[number]}
            self.readable = {number: box for number, box in boxes.items() if READ in has[number]}

    def rights(self, number: int) -> str:
        """What he may do with a mailbox."""
        return rights_of(self.account.mailboxes[number].acl, self.who)

    def note(self, number: int, name: str) -> bytes | None:
        """What an annotation of a mailbox says; of those of its name that are private, his own."""
        return self.account.annotations.get(number, {}).get(annotating.key_of(name, self.who))

    def find(self, emails: Iterable[int]) -> dict[int, Seen]:
        """Those of the emails that are seen."""
        wanted = np.fromiter(set(emails), np.int64)
        found: dict[int, Seen] = {}
        for number, box in self.readable.items():
            if not box.messages:
                continue
            rows = _hits(*self._order(number), wanted)
            if not len(rows):
                continue
            index = _index(box)
            columns = (index.emails[rows], index.flags[rows], index.sizes[rows], index.dates[rows])
            values = zip(*[column.tolist() for column in columns], index.threads_of(rows).tolist(), strict=True)
            for email, flags, size, date, thread in values:
                if flags & DELETED:
                    continue
                known = found.get(email)
                if known is None:
                    found[email] = Seen(email, (number,), flags, size, date, thread)
                else:
                    holders = known.mailboxes if number in known.mailboxes else (*known.mailboxes, number)
                    found[email] = known._replace(mailboxes=holders, flags=known.flags | flags)
        return found

    def places(self, emails: Collection[int]) -> Iterator[tuple[int, int, int, bool]]:
        """All rows of these in mailboxes that may be read: the email, the mailbox, the UID, and whether it is seen."""
        for number, box in self.readable.items() if emails else ():
            if not box.messages:
                continue
            order, ascending = self._order(number)
            index = _index(box)
            for email in emails:
                for row in order[ascending.searchsorted(email) : ascending.searchsorted(email, "right")].tolist():
                    yield email, number, int(index.uids[row]), not int(index.flags[row]) & DELETED

    def at(self, number: int, uids: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
        """The emails of those rows of a mailbox that are still there, hidden ones too; and their threads."""
        box = self.account.mailboxes.get(number)
        if box is None or not box.messages:
            return [], []
        index = _index(box)
        rows = index.find(uids)
        return index.emails[rows].tolist(), index.threads_of(rows).tolist()

    def rows(self, number: int) -> Rows:
        """The emails in a mailbox that may be read; `flags` are of their rows there alone."""
        mirror = self._mirror
        return self._made(
            ("rows", number), (mirror.rows[number], mirror.flags[number]), lambda: _unique([_shown(self._box(number))])
        )

    def table(self) -> Table:
        """All emails."""
        numbers = tuple(self.readable)
        mirror = self._mirror
        versions = tuple((mirror.rows[number], mirror.flags[number]) for number in numbers)
        return self._made(("table", numbers), versions, lambda: _table([self._box(number) for number in numbers]))

    @property
    def made(self) -> dict[object, object]:
        """What others keep with the mirror: to be bounded by them."""
        return self._mirror.made

    def version(self, numbers: Sequence[int], *, flags: bool) -> tuple[int, ...]:
        """While it stays the same so do the rows of these mailboxes; and `flags`, theirs too."""
        rows, marks = self._mirror.rows, self._mirror.flags
        counts = [rows[number] for number in numbers]
        return (*counts, *[marks[number] for number in numbers]) if flags else tuple(counts)

    def threads(self, threads: Iterable[int]) -> dict[int, list[int]]:
        """The emails of those of the threads that are seen, by date and then by number (RFC 8621 3)."""
        wanted = np.array(sorted(set(threads)), np.int64)
        found: dict[int, dict[int, int]] = {}
        for number, box in self.readable.items():
            if not box.messages:
                continue
            rows = _hits(*self._threads(number), wanted)
            index = _index(box)
            columns = (index.emails[rows], index.flags[rows], index.dates[rows], index.threads_of(rows))
            for email, flags, date, thread in zip(*[column.tolist() for column in columns], strict=True):
                if not flags & DELETED:
                    found.setdefault(thread, {})[email] = date
        return {thread: sorted(emails, key=lambda email: (emails[email], email)) for thread, emails in found.items()}

    def counts(self, number: int) -> Counts:
        """What is in a mailbox that may be read."""
        trash = self._trash()
        return self._made(("counts", number, trash), self._versions(), lambda: self._counted(number, trash))

    def _counted(self, number: int, trash: int) -> Counts:
        """RFC 8621 2: in the trash a thread is unread by what is in the trash, elsewhere by what is not."""
        rows = self.rows(number)
        read, unread_threads = self._read(trash)
        unread = ~read[rows.emails]
        threads = np.unique(rows.threads)
        if number == trash:
            count = len(np.unique(rows.threads[unread]))
        else:
            count = int(np.count_nonzero(unread_threads[threads]))
        return Counts(len(rows.emails), int(np.count_nonzero(unread)), len(threads), count)

    def _read(self, trash: int) -> tuple[Array, Array]:
        """By number, which emails are read or drafts, in whatever mailbox; and which threads have an unread one that is
        not only in the trash. A byte for each email that there ever was: 0.1 s for a million."""

        def make() -> tuple[Array, Array]:
            read = np.zeros(self.account.next_email, np.bool_)
            for number in self.readable:
                rows = self.rows(number)
                read[rows.emails[rows.flags & READ_FLAGS != 0]] = True
            threads = np.zeros(self.account.next_email, np.bool_)
            for number in self.readable:
                if number != trash:
                    rows = self.rows(number)
                    threads[rows.threads[~read[rows.emails]]] = True
            return read, threads

        return self._made(("read", trash, tuple(self.readable)), self._versions(), make)

    def _versions(self) -> tuple[tuple[int, int, int], ...]:
        mirror = self._mirror
        return tuple((box, mirror.rows[box], mirror.flags[box]) for box in self.readable)

    def _trash(self) -> int:
        return next((number for number, box in self.readable.items() if box.role == "trash"), 0)

    def _box(self, number: int) -> Mailbox:
        return self.readable[number]

    def _order(self, number: int) -> tuple[Array, Array]:
        """Rows in the order of their emails, and those emails."""
        return self._made(
            ("order", number), self._mirror.rows[number], lambda: _sorted(_index(self._box(number)).emails)
        )

    def _threads(self, number: int) -> tuple[Array, Array]:
        """The same by threads."""
        return self._made(
            ("threads", number), self._mirror.rows[number], lambda: _sorted(_index(self._box(number)).threads)
        )

    def _made(self, name: object, version: object, make: Callable[[], Made]) -> Made:
        made = self._mirror.made
        held = made.get(name)
        if isinstance(held, tuple) and held[0] == version:
            value: Made = held[1]
            return value
        value = make()
        made.pop(name, None)
        made[name] = (version, value)
        while len(made) > _MADE_MAX:
            made.pop(next(iter(made)))
        return value


_NONE: Final = np.empty(0, np.int64)
_Columns = Sequence[Array]


def _index(box: Mailbox) -> Index:
    assert box.index is not None
    return box.index


def _sorted(numbers: Array) -> tuple[Array, Array]:
    if len(numbers) < 2 or bool((numbers[1:] >= numbers[:-1]).all()):
        return np.arange(len(numbers)), numbers.copy()
    order = numbers.argsort(kind="stable")
    return order, numbers[order]


def _hits(order: Array, ascending: Array, wanted: Array) -> Array:
    """The rows of wanted numbers, in the order of those."""
    starts = ascending.searchsorted(wanted)
    counts = ascending.searchsorted(wanted, "right") - starts
    ends = counts.cumsum()
    rows: Array = order[np.repeat(starts - ends + counts, counts) + np.arange(counts.sum())]
    return rows


def _shown(box: Mailbox) -> _Columns:
    """Columns of the rows without \\Deleted, in the order of Rows."""
    index = _index(box)
    columns = (index.emails, index.flags, index.sizes, index.dates, index.threads)
    shown = index.flags & DELETED == 0
    return [column.copy() for column in columns] if shown.all() else [column[shown] for column in columns]


def _unique(parts: Sequence[_Columns]) -> Rows:
    """One row an email."""
    if not parts:
        return Rows(*[_NONE] * 5)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if len(parts) > 1 else parts[0]
    if bool((columns[0][1:] > columns[0][:-1]).all()):  # as nearly always, of one mailbox
        return Rows(*columns)
    order, emails = _sorted(columns[0])
    first = np.flatnonzero(np.diff(emails, prepend=-1))
    flags = columns[1][order]
    if len(first) < len(emails):
        flags = np.bitwise_or.reduceat(flags, first)
    kept = order[first]
    return Rows(emails[first], flags, *(column[kept] for column in columns[2:]))


def _table(boxes: Sequence[Mailbox]) -> Table:
    parts = [_shown(box) for box in boxes if box.messages]
    rows = _unique(parts)
    emails = np.concatenate([part[0] for part in parts] or [_NONE])
    numbers = np.concatenate(
        [np.full(len(part[0]), box.id) for part, box in zip(parts, (box for box in boxes if box.messages), strict=True)]
        or [_NONE]
    )
    order = np.lexsort((numbers, emails))
    starts = np.append(emails[order].searchsorted(rows.emails), len(emails))
    return Table(rows, numbers[order], starts)


def holders_of(table: Table, place: int) -> Iterator[int]:
    """The mailboxes of the email at a place of the table."""
    yield from dict.fromkeys(table.holders[table.starts[place] : table.starts[place + 1]].tolist())

"""What an account's columns answer of Email/query's conditions: one truth for each email, without reading any.

The law: the columns are of one moment, and none of them changes any more; an email's keywords are those of all its
rows that are seen, as Email/get tells them, whichever mailbox is asked for.
"""

from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from actors.mailbox.sight import Rows, Sight, Table
from gateway.access.parts import Array

Among = Literal["all", "some", "none"]


class InMailbox(NamedTuple):
    """0: there is no such mailbox."""

    mailbox: int


class InOther(NamedTuple):
    """In at least one mailbox that is not among these."""

    mailboxes: frozenset[int]


class Received(NamedTuple):
    """At this second since 1970 or later."""

    since_s: float


class Sized(NamedTuple):
    """So many octets or more."""

    least_bytes: int


class Flagged(NamedTuple):
    """Has any of these bits (actors/mailbox/types.py)."""

    bits: int


class ThreadFlagged(NamedTuple):
    """All, some or none of the emails in its thread have any of these bits."""

    among: Among
    bits: int


Key = InMailbox | InOther | Received | Sized | Flagged | ThreadFlagged


class EmailScope:
    """The emails of a mailbox, or of all that may be read (`mailbox` None), ascending. `wide`: more is asked of them
    than what is in that mailbox's rows."""

    def __init__(self, sight: Sight, mailbox: int | None, *, wide: bool) -> None:
        self.mailbox = mailbox
        self._table: Table | None = sight.table() if wide or mailbox is None else None
        self.rows: Rows = sight.rows(mailbox) if mailbox is not None else self._all.rows

    @property
    def emails(self) -> Array:
        """Of each row."""
        return self.rows.emails

    def __len__(self) -> int:
        return len(self.rows.emails)

    @cached_property
    def received_s(self) -> Array:
        """When each was received, as it is told: in seconds."""
        seconds: Array = self.rows.dates // 1000
        return seconds

    def mask(self, wanted: object) -> Array:
        """The truth of a Key for each row."""
        answer: Array
        match wanted:
            case InMailbox(mailbox):
                answer = self._in_mailbox(mailbox)
            case InOther(mailboxes):
                answer = self._held(~np.isin(self._all.holders, list(mailboxes)))
            case Received(since_s):
                answer = self.received_s >= since_s
            case Sized(least_bytes):
                answer = self.rows.sizes >= least_bytes
            case Flagged(bits):
                answer = (self._flags_of_rows & bits) != 0
            case ThreadFlagged(among, bits):
                answer = self._of_threads(among, bits)
            case _:
                raise AssertionError(f"{wanted!r} is no condition")
        return answer

    def _in_mailbox(self, mailbox: int) -> Array:
        if mailbox == self.mailbox:
            return np.ones(len(self), bool)
        return self._held(self._all.holders == mailbox) if mailbox else np.zeros(len(self), bool)

    def _held(self, holders: Array) -> Array:
        """Whether an email has any of these places of the table's holders."""
        table = self._all
        found = np.zeros(len(table.rows.emails), bool)
        found[self._owners[holders]] = True
        return self._here(found)

    def _of_threads(self, among: Among, bits: int) -> Array:
        """One pass over all emails for all threads at once."""
        thread_of, count = self._threads
        has = (self._all.rows.flags & bits) != 0
        having = np.bincount(thread_of[has], minlength=count)
        if among == "all":
            answers = having == np.bincount(thread_of, minlength=count)
        else:
            answers = having > 0 if among == "some" else having == 0
        return self._here(answers[thread_of])

    def _here(self, of_all: Array) -> Array:
        """Of the table's rows those of this scope."""
        return of_all if self.mailbox is None else of_all[self._places]

    @property
    def _all(self) -> Table:
        assert self._table is not None
        return self._table

    @cached_property
    def _places(self) -> Array:
        """Where the rows are in the table, in which all of them are."""
        return self._all.rows.emails.searchsorted(self.rows.emails)

    @cached_property
    def _owners(self) -> Array:
        """The table's row of each of its holders."""
        return np.repeat(np.arange(len(self._all.rows.emails)), np.diff(self._all.starts))

    @cached_property
    def _flags_of_rows(self) -> Array:
        return self._here(self._all.rows.flags)

    @cached_property
    def _threads(self) -> tuple[Array, int]:
        """The number of each email's thread, from 0, and how many there are."""
        threads, thread_of = np.unique(self._all.rows.threads, return_inverse=True)
        return thread_of, len(threads)

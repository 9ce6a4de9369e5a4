"""What a mailbox's columns answer of a search: one truth for each message, without reading any.

The law: the columns are of one moment, that of the command's start; a key is one pass over them.
"""

import datetime as dt
from typing import Final, NamedTuple, cast

import numpy as np

from actors.mailbox.types import system_bit
from gateway.access import ids
from gateway.access.finding.questions import DAY_S, EPOCH_DAY
from gateway.imap.parts import Array
from gateway.imap.selected import Selection
from mail.imap import search as key

_DAY_MS: Final = DAY_S * 1000


class Scope(NamedTuple):
    """The messages that are searched, row by row; none of the columns changes any more."""

    selection: Selection
    now_s: int
    modseq: int  # of the mailbox
    rows: Array  # the client's rows, ascending
    uids: Array
    flags: Array
    modseqs: Array
    emails: Array
    sizes: Array
    dates: Array
    saved: Array
    threads: Array

    def __len__(self) -> int:
        return len(self.rows)

    def mask(self, wanted: object) -> Array:
        """The truth of a search key for each row."""
        return mask_of(cast("key.SearchKey", wanted), self)


def scope_of(selection: Selection, rows: Array, *, now_ms: int) -> Scope:
    """Those of the rows whose messages still exist."""
    rows, places = selection.locate(rows)
    index = selection.hold.view.index
    columns = [index.flags, index.modseqs, index.emails, index.sizes, index.dates, index.saved, index.threads]
    if places is rows and len(rows) == len(selection.uids):  # all of them, as nearly always
        uids, columns = selection.uids, [column[: len(rows)].copy() for column in columns]
    else:
        uids, columns = selection.uids[rows], [column[places] for column in columns]
    return Scope(selection, now_ms // 1000, selection.hold.view.modseq, rows, uids, *columns)


def mask_of(wanted: key.SearchKey, scope: Scope) -> Array:
    """The truth for each row; of keys that `probes.question_of` has nothing for."""
    for of_some in (_of_dates, _of_flags, _of_ids):
        answer = of_some(wanted, scope)
        if answer is not None:
            return answer
    match wanted:
        case key.All() | key.SaveDateSupported():  # every mailbox has save dates
            answer = np.ones(len(scope), bool)
        case key.Larger(size):
            answer = scope.sizes > size
        case key.Smaller(size):
            answer = scope.sizes < size
        case key.ModSequence(least):  # one for the message: whichever flag is asked for (RFC 7162 3.1.5)
            answer = scope.modseqs >= least
        case _:
            raise AssertionError(f"{type(wanted).__name__} is no search key")
    return answer


def _of_flags(wanted: key.SearchKey, scope: Scope) -> Array | None:
    answer: Array | None = None
    match wanted:
        case key.Flag("\\Recent"):
            answer = np.zeros(len(scope), bool)
            for start, end in scope.selection.hold.recent.rows_in(scope.uids):
                answer[start:end] = True
        case key.Flag(flag):
            answer = (scope.flags & system_bit(flag)) != 0
        case key.Keyword(word):
            answer = (scope.flags & scope.selection.names.bit(word)) != 0
    return answer


def _of_ids(wanted: key.SearchKey, scope: Scope) -> Array | None:
    answer: Array | None = None
    match wanted:
        case key.SeqSet(messages):
            answer = scope.selection.mask(messages, uid=False)[scope.rows]
        case key.UidSet(messages):
            answer = scope.selection.mask(messages, uid=True)[scope.rows]
        case key.UidAfter(uid):
            answer = scope.uids > uid
        case key.UidBefore(uid):
            answer = scope.uids < uid
        case key.EmailId(name):
            answer = _equal(scope.emails, ids.email_of(name, scope.selection.account))
        case key.ThreadId(name):
            answer = _equal(scope.threads, ids.thread_of(name, scope.selection.account))
    return answer


def _of_dates(wanted: key.SearchKey, scope: Scope) -> Array | None:
    """Days begin in UTC, in which INTERNALDATE and SAVEDATE are told; intervals have seconds (RFC 5032 3)."""
    answer: Array | None = None
    match wanted:
        case key.Before(date):
            answer = scope.dates < _day_ms(date)
        case key.Since(date):
            answer = scope.dates >= _day_ms(date)
        case key.On(date):
            answer = scope.dates // _DAY_MS == date.toordinal() - EPOCH_DAY
        case key.SavedBefore(date):
            answer = scope.saved < _day_ms(date)
        case key.SavedSince(date):
            answer = scope.saved >= _day_ms(date)
        case key.SavedOn(date):
            answer = scope.saved // _DAY_MS == date.toordinal() - EPOCH_DAY
        case key.Older(seconds):
            answer = scope.dates // 1000 <= scope.now_s - seconds
        case key.Younger(seconds):
            answer = scope.dates // 1000 >= scope.now_s - seconds
    return answer


def _equal(column: Array, number: int | None) -> Array:
    return np.zeros(len(column), bool) if number is None else column == number


def _day_ms(date: dt.date) -> int:
    return (date.toordinal() - EPOCH_DAY) * _DAY_MS

"""A search key (mail.imap.search) as a test of three stages: by the mailbox's columns, by records, by whole messages.

The law: no stage reads what an earlier one could decide. A stage that does not know yet says so (Kleene's logic: yes,
no, unknown), and AND, OR, NOT keep that right. Nothing here waits.
"""

import datetime as dt
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from actors.mailbox.types import system_bit
from gateway.imap.parts import Array
from gateway.imap.selected import Selection
from mail.imap import search as key
from mail.message import content
from mail.message.charset import fold
from mail.message.header import unfold, values
from mail.message.record import Address, Record
from mail.message.words import decode_words

_DAY_MS: Final = 86_400_000
_DAY_S: Final = 86_400
_EPOCH_DAY: Final = dt.date(1970, 1, 1).toordinal()


class Candidate:
    """One message under examination; its texts are made when asked for, and once."""

    __slots__ = ("_body", "_text", "raw", "record")

    def __init__(self, record: Record, raw: bytes | None = None) -> None:
        self.record = record
        self.raw = raw  # None in the stage that has records only
        self._text: str | None = None
        self._body: str | None = None

    @property
    def text(self) -> str:
        """What TEXT looks in; only with `raw`."""
        assert self.raw is not None
        if self._text is None:
            self._text = content.search_text(self.raw, self.record)
        return self._text

    @property
    def body(self) -> str:
        """What BODY looks in; only with `raw`."""
        assert self.raw is not None
        if self._body is None:
            self._body = content.body_text(self.raw, self.record)
        return self._body


class Scope(NamedTuple):
    """The messages that are searched: columns of one moment, row by row."""

    selection: Selection
    rows: Array  # the client's rows, ascending
    flags: Array
    sizes: Array
    dates: Array


class Known:
    """Decided by the columns: one truth for each row."""

    __slots__ = ("mask",)

    def __init__(self, mask: Array) -> None:
        self.mask = mask

    def bounds(self) -> tuple[Array, Array]:
        """Which rows match surely, and which may match."""
        return self.mask, self.mask

    def decide(self, row: int, _candidate: Candidate) -> bool | None:
        """The truth for one row; None: not known in this stage."""
        return bool(self.mask[row])


class Probe:
    """Needs the record, or the whole message where the record is not enough (`test` says None then)."""

    __slots__ = ("count", "test")

    def __init__(self, test: Callable[[Candidate], bool | None], count: int) -> None:
        self.test = test
        self.count = count

    def bounds(self) -> tuple[Array, Array]:
        """Nothing is known of any row."""
        return np.zeros(self.count, bool), np.ones(self.count, bool)

    def decide(self, _row: int, candidate: Candidate) -> bool | None:
        """Ask the message."""
        return self.test(candidate)


class Inverse:
    """NOT."""

    __slots__ = ("test",)

    def __init__(self, test: "Test") -> None:
        self.test = test

    def bounds(self) -> tuple[Array, Array]:
        """What may not match surely does not."""
        sure, possible = self.test.bounds()
        return ~possible, ~sure

    def decide(self, row: int, candidate: Candidate) -> bool | None:
        """Unknown stays unknown."""
        answer = self.test.decide(row, candidate)
        return None if answer is None else not answer


class Every:
    """AND."""

    __slots__ = ("tests",)

    def __init__(self, tests: "list[Test]") -> None:
        self.tests = tests

    def bounds(self) -> tuple[Array, Array]:
        """All of them."""
        pairs = [test.bounds() for test in self.tests]
        return np.logical_and.reduce([sure for sure, _ in pairs]), np.logical_and.reduce([may for _, may in pairs])

    def decide(self, row: int, candidate: Candidate) -> bool | None:
        """False if one is, whatever the others are."""
        answer: bool | None = True
        for test in self.tests:
            one = test.decide(row, candidate)
            if one is False:
                return False
            if one is None:
                answer = None
        return answer


Test = Known | Probe | Inverse | Every


def compile_key(wanted: key.SearchKey, scope: Scope) -> Test:
    """The key as a test, with all that the columns can tell already told."""
    match wanted:
        case key.And(keys):
            return _joined([compile_key(one, scope) for one in keys])
        case key.Or(left, right):  # De Morgan: one connective is enough
            return _inverse(_joined([_inverse(compile_key(left, scope)), _inverse(compile_key(right, scope))]))
        case key.Not(inner):
            return _inverse(compile_key(inner, scope))
    mask = _mask(wanted, scope)
    return Known(mask) if mask is not None else Probe(_probe(wanted), len(scope.rows))


def _joined(tests: list[Test]) -> Test:
    """AND, with the masks made one, and first, so that a row is decided as cheaply as can be."""
    masks = [test.mask for test in tests if isinstance(test, Known)]
    rest: list[Test] = [test for test in tests if not isinstance(test, Known)]
    if not masks:
        return Every(rest)
    known = Known(np.logical_and.reduce(masks))
    return Every([known, *rest]) if rest else known


def _inverse(test: Test) -> Test:
    if isinstance(test, Known):
        return Known(~test.mask)
    return test.test if isinstance(test, Inverse) else Inverse(test)


def _recent(scope: Scope) -> Array:
    answer = np.zeros(len(scope.rows), bool)
    for start, end in scope.selection.hold.recent.rows_in(scope.selection.uids[scope.rows]):
        answer[start:end] = True
    return answer


def _mask(wanted: key.SearchKey, scope: Scope) -> Array | None:
    """Truths by row, of a key that the columns can answer; None for the others."""
    answer: Array | None = None
    match wanted:
        case key.All():
            answer = np.ones(len(scope.rows), bool)
        case key.Flag("\\Recent"):
            answer = _recent(scope)
        case key.Flag(flag):
            answer = (scope.flags & system_bit(flag)) != 0
        case key.Keyword(word):
            answer = (scope.flags & scope.selection.names.bit(word)) != 0
        case key.Larger(size):
            answer = scope.sizes > size
        case key.Smaller(size):
            answer = scope.sizes < size
        case key.Before(date):
            answer = scope.dates < _day_ms(date)
        case key.Since(date):
            answer = scope.dates >= _day_ms(date)
        case key.On(date):
            answer = scope.dates // _DAY_MS == date.toordinal() - _EPOCH_DAY
        case key.SeqSet(messages):
            answer = scope.selection.mask(messages, uid=False)[scope.rows]
        case key.UidSet(messages):
            answer = scope.selection.mask(messages, uid=True)[scope.rows]
    return answer


def _probe(wanted: key.SearchKey) -> Callable[[Candidate], bool | None]:
    """The test of a key that needs the message."""
    match wanted:
        case key.From(value):
            return _among(lambda record: record.from_, fold(value))
        case key.To(value):
            return _among(lambda record: record.to, fold(value))
        case key.Cc(value):
            return _among(lambda record: record.cc, fold(value))
        case key.Bcc(value):
            return _among(lambda record: record.bcc, fold(value))
        case key.Subject(value):
            needle = fold(value)
            return lambda one: one.record.subject is not None and needle in fold(one.record.subject)
        case key.SentBefore(date):
            return _sent(lambda day: day < date.toordinal())
        case key.SentOn(date):
            return _sent(lambda day: day == date.toordinal())
        case key.SentSince(date):
            return _sent(lambda day: day >= date.toordinal())
        case key.Text(value):
            needle = fold(value)
            return lambda one: None if one.raw is None else needle in one.text
        case key.Body(value):
            needle = fold(value)
            return lambda one: None if one.raw is None else needle in one.body
        case key.Header(name, value):
            return _header(name.encode("ascii", "replace"), fold(value))
    raise AssertionError(f"{type(wanted).__name__} is no search key")


def _among(field: Callable[[Record], tuple[Address, ...]], needle: str) -> Callable[[Candidate], bool]:
    """In the field as people read it: `Name <address>`."""

    def test(one: Candidate) -> bool:
        return any(needle in fold(f"{name} <{address}>" if name else address) for name, address in field(one.record))

    return test


def _sent(of_day: Callable[[int], bool]) -> Callable[[Candidate], bool]:
    """By the Date field's own calendar, disregarding its time and zone (RFC 3501 6.4.4)."""

    def test(one: Candidate) -> bool:
        record = one.record
        if record.sent_s is None:
            return False
        return of_day((record.sent_s + record.sent_zone_min * 60) // _DAY_S + _EPOCH_DAY)

    return test


def _header(name: bytes, needle: str) -> Callable[[Candidate], bool | None]:
    """A field with that name that has the text; an empty text asks for the field only."""

    def test(one: Candidate) -> bool | None:
        head = one.record.head
        if head is None:
            if one.raw is None:
                return None
            head = one.raw[: one.record.root.body]
        return any(needle in fold(decode_words(unfold(value))) for value in values(head, name))

    return test


def _day_ms(date: dt.date) -> int:
    """INTERNALDATE is reported, and so compared, in UTC."""
    return (date.toordinal() - _EPOCH_DAY) * _DAY_MS

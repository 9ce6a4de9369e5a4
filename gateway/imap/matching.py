"""A search key (mail.imap.search) as a test of four stages: the mailbox's columns, the index, records, whole messages.

The law: no stage reads what an earlier one could decide. A stage that does not know yet says so (Kleene's logic: yes,
no, unknown), and AND and OR keep that right; NOT stands at the leaves only. Nothing here waits.
"""

from typing import ClassVar, NamedTuple

import numpy as np

from gateway.imap import probes
from gateway.imap.parts import Array
from gateway.imap.probes import Candidate, Question
from mail.imap import search as key


class Bounds(NamedTuple):
    """Of every row, whether it matches surely, and whether it may match."""

    sure: Array
    possible: Array

    @property
    def open(self) -> Array:
        """The rows of which more has to be known."""
        rows: Array = np.flatnonzero(self.possible & ~self.sure)
        return rows

    def inverted(self) -> "Bounds":
        """What may not match surely does not."""
        return Bounds(~self.possible, ~self.sure)


class Truths:
    """One truth for each row, eight to a byte: a search may have a thousand of them."""

    __slots__ = ("_bits",)

    def __init__(self, mask: Array) -> None:
        self._bits = np.packbits(mask).tobytes()

    def __getitem__(self, row: int) -> bool:
        return bool(self._bits[row >> 3] >> (7 - (row & 7)) & 1)


class Column:
    """What the columns answer."""

    __slots__ = ("is_not", "key")

    def __init__(self, wanted: key.SearchKey, *, is_not: bool) -> None:
        self.key = wanted
        self.is_not = is_not


class Probe:
    """What needs the index, the record, or the whole message."""

    __slots__ = ("_possible", "_sure", "is_not", "question")

    def __init__(self, question: Question, *, is_not: bool) -> None:
        self.question = question
        self.is_not = is_not
        self._sure: Truths | None = None
        self._possible: Truths | None = None

    def keep(self, bounds: Bounds) -> None:
        """Remember what the index said."""
        self._sure, self._possible = Truths(bounds.sure), Truths(bounds.possible)

    def decide(self, row: int, candidate: Candidate) -> bool | None:
        """The truth for one row; None: not known in this stage."""
        if self._sure is not None and self._possible is not None:
            if self._sure[row]:
                return True
            if not self._possible[row]:
                return False
        answer = self.question.test(candidate)
        return None if answer is None else answer is not self.is_not


class Every:
    """AND. `known`: what all of its columns say together, once they were looked at."""

    __slots__ = ("columns", "known", "rest")
    stops: ClassVar[bool] = False  # the answer of one that is the answer of all

    def __init__(self, columns: list[Column], rest: "list[Node]") -> None:
        self.columns = columns
        self.rest = rest
        self.known: Truths | None = None

    def decide(self, row: int, candidate: Candidate) -> bool | None:
        """False if one is, whatever the others are; for OR, true."""
        stops = self.stops
        if self.known is not None and self.known[row] is stops:
            return stops
        answer: bool | None = not stops
        for test in self.rest:
            one = test.decide(row, candidate)
            if one is stops:
                return stops
            if one is None:
                answer = None
        return answer


class Some(Every):
    """OR."""

    __slots__ = ()
    stops: ClassVar[bool] = True


Node = Probe | Every | Some
Test = Column | Node


def compile_key(wanted: key.SearchKey, *, is_not: bool = False, fuzzy: bool = False) -> Test:
    """The key as a test: keys that belong together are together, whatever parentheses they had."""
    match wanted:
        case key.Not(inner):
            return compile_key(inner, is_not=not is_not, fuzzy=fuzzy)
        case key.Fuzzy(inner):
            return compile_key(inner, is_not=is_not, fuzzy=True)
        case key.And() | key.Or():
            keys = wanted.keys if isinstance(wanted, key.And) else (wanted.left, wanted.right)
            tests = [compile_key(one, is_not=is_not, fuzzy=fuzzy) for one in keys]
            return _joined(Every if isinstance(wanted, key.And) is not is_not else Some, tests)  # De Morgan
    question = probes.question_of(wanted, fuzzy=fuzzy)
    return Column(wanted, is_not=is_not) if question is None else Probe(question, is_not=is_not)


def _joined(kind: type[Every], tests: list[Test]) -> Test:
    columns: list[Column] = []
    rest: list[Node] = []
    for test in tests:
        if isinstance(test, Column):
            columns.append(test)
        elif type(test) is kind:
            columns += test.columns
            rest += test.rest
        else:
            rest.append(test)
    return kind(columns, rest)


def questions(test: Test) -> list[Question]:
    """All that the columns do not answer."""
    if isinstance(test, Column):
        return []
    if isinstance(test, Probe):
        return [test.question]
    return [question for one in test.rest for question in questions(one)]

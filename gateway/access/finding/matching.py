"""What is searched for, as a test of four stages: the mailbox's columns, the index, records, whole messages.

The law: no stage reads what an earlier one could decide. A stage that does not know yet says so (Kleene's logic: yes,
no, unknown), and AND and OR keep that right; NOT stands at the leaves only. Nothing here waits.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from gateway.access.finding.questions import Candidate, Question
from gateway.access.parts import Array


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
    """What the columns answer. `key`: what the scope that is searched knows it by."""

    __slots__ = ("is_not", "key")

    def __init__(self, wanted: object, *, is_not: bool) -> None:
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


def joined(kind: type[Every], tests: Sequence[Test]) -> Test:
    """AND or OR of some: those that belong together are together."""
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

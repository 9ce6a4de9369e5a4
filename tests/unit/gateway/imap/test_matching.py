"""Tests of keys: three truths, and keys that belong together are together."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.finding.matching import Bounds, Column, Every, Probe, Some, Truths, questions
from gateway.access.finding.questions import Candidate, Question
from gateway.imap.matching import compile_key
from gateway.imap.relevancy import has_fuzzy, relevancy
from mail.imap import search as key
from mail.message.record import read_message

_ANY = Candidate(read_message(b"Subject: x\r\n\r\n"))


class Says(Question):
    """A question whose answer is known beforehand."""

    def __init__(self, answer: bool | None) -> None:
        super().__init__(key.All())
        self._answer = answer

    def test(self, _candidate: Candidate) -> bool | None:
        return self._answer


def _probe(answer: bool | None, *, is_not: bool = False) -> Probe:
    return Probe(Says(answer), is_not=is_not)


@pytest.mark.parametrize("answers", [*itertools.product((True, False, None), repeat=3)])
def test_and_or_not_of_three_truths(answers: tuple[bool | None, ...]) -> None:
    """Unknown only if it depends on what is not known."""
    possible = [[answer] if answer is not None else [True, False] for answer in answers]
    for kind, join in ((Every, all), (Some, any)):
        found = {join(one) for one in itertools.product(*possible)}
        expected = found.pop() if len(found) == 1 else None
        assert kind([], [_probe(answer) for answer in answers]).decide(0, _ANY) is expected
    for answer in answers:
        assert _probe(answer, is_not=True).decide(0, _ANY) is (None if answer is None else not answer)


def test_what_the_columns_said_is_remembered_by_row() -> None:
    test = Every([], [_probe(None)])
    test.known = Truths(np.array([True, False] * 9))
    assert [test.decide(row, _ANY) for row in range(4)] == [None, False, None, False]
    test = Some([], [_probe(False)])
    test.known = Truths(np.array([True, False] * 9))
    assert [test.decide(row, _ANY) for row in range(14, 18)] == [True, False, True, False]


def test_what_the_index_said_is_not_asked_again() -> None:
    probe = _probe(None)
    probe.keep(Bounds(np.array([True, False, False]), np.array([True, True, False])))
    assert [probe.decide(row, _ANY) for row in range(3)] == [True, None, False]


@given(st.lists(st.booleans(), max_size=40))
def test_truths(values: list[bool]) -> None:
    truths = Truths(np.array(values, bool))
    assert [truths[row] for row in range(len(values))] == values


def test_not_stands_at_the_leaves_and_parentheses_fall() -> None:
    seen, draft, text = key.Flag("\\Seen"), key.Flag("\\Draft"), key.Text("x")
    test = compile_key(key.Not(key.Or(key.And((seen, key.And((draft, text)))), key.Not(key.Not(text)))))
    # not (seen and draft and text or text) is (not seen or not draft or not text) and not text
    assert type(test) is Every
    inner, outer = test.rest
    assert type(inner) is Some
    assert [(one.key, one.is_not) for one in inner.columns] == [(seen, True), (draft, True)]
    assert isinstance(outer, Probe)
    assert outer.is_not
    assert len(questions(test)) == 2
    assert isinstance(compile_key(key.Not(seen)), Column)


def test_scores() -> None:
    one, two, three = key.Text("a"), key.Text("b"), key.Text("c")
    scores = {
        id(one): np.array([10, 0, 50], np.uint8),
        id(two): np.array([21, 90, 0], np.uint8),
        id(three): np.array([100, 100, 100], np.uint8),
    }

    def of(wanted: key.SearchKey) -> list[int]:
        found: list[int] = relevancy(wanted, scores, 3).tolist()
        return found

    assert of(key.Fuzzy(one)) == [10, 1, 50]
    assert of(key.Fuzzy(key.And((one, two)))) == [16, 45, 25]
    assert of(key.Or(key.Fuzzy(one), key.Fuzzy(two))) == [21, 90, 50]
    assert of(key.And((key.Fuzzy(one), key.Flag("\\Seen"), key.Not(key.Fuzzy(three))))) == [10, 1, 50]
    assert of(key.Fuzzy(key.Flag("\\Seen"))) == [100, 100, 100]
    assert has_fuzzy(key.Not(key.Or(key.All(), key.And((key.All(), key.Fuzzy(one))))))
    assert not has_fuzzy(key.Not(key.Or(key.All(), one)))

"""Everybody hears, from a real server."""

from pathlib import Path

import pytest

from ops.bench import pushed
from ops.bench.peers import OURS, scratch
from ops.bench.people import ours
from ops.bench.pushed import CASES, Case, measure, told_of


def test_cases_say_what_they_are() -> None:
    assert [case.what for case in (*CASES, Case(1, 5))] == [
        "1,000 event sources of 10 accounts",
        "1,000 event sources of 1,000 accounts",
        "5 event sources of 1 account",
    ]


def test_first_half_and_all_are_medians_of_the_turns() -> None:
    turns = [[1.0, 2.0, 3.0], [2.0, 3.0, 10.0], [3.0, 4.0, 5.0]]
    assert [value.value for value in told_of("it", turns)] == [2, 3, 5]


@pytest.mark.timeout(300)  # a process that has to import everything, on a busy machine
def test_every_figure_is_there_for_every_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushed, "TURNS", 2)
    monkeypatch.setattr(pushed, "SETTLE_S", 0)
    made = {OURS: ours(takes="smtp")}
    told = list(measure(made, lambda: scratch(tmp_path), 1, quick=True, told=lambda _text: None))
    assert len(told) == len({value.what for value in told}) == 6 * len(pushed.CASES_QUICK)
    assert all(value.value > 0 for value in told if value.unit == "ms")

"""Medians of rounds, and which way better is."""

import pytest

from ops.bench.figures import Cell, Row, Value, cell_of, rows_of, times_better
from ops.bench.peers import OURS, PEERS


def test_a_cell_tells_the_median_and_its_span() -> None:
    assert cell_of([5.0, 1.0, 9.0]) == Cell(5.0, 1.0, 9.0, 3)
    assert cell_of([1.0, 2.0]).median == 1.5


def test_rows_keep_the_order_of_measuring_and_every_round() -> None:
    values = [
        Value("b", "ms", OURS, 3.0),
        Value("a", "messages/s", OURS, 10.0),
        Value("b", "ms", PEERS, 4.0),
        Value("b", "ms", OURS, 1.0),
    ]
    first, second = rows_of(values)
    assert (first.what, first.cells) == ("b", {OURS: Cell(2.0, 1.0, 3.0, 2), PEERS: Cell(4.0, 4.0, 4.0, 1)})
    assert (second.what, list(second.cells)) == ("a", [OURS])


@pytest.mark.parametrize(
    ("unit", "mine", "theirs", "times"),
    [("messages/s", 600.0, 200.0, 3.0), ("ms/message", 1.0, 4.0, 4.0), ("MB", 50.0, 25.0, 0.5)],
)
def test_above_one_is_better_for_rates_and_costs(unit: str, mine: float, theirs: float, times: float) -> None:
    row = Row("x", unit, {OURS: cell_of([mine]), PEERS: cell_of([theirs])})
    assert times_better(row, OURS, PEERS) == times


def test_without_the_other_there_is_nothing_to_compare() -> None:
    assert times_better(Row("x", "MB", {OURS: cell_of([1.0])}), OURS, PEERS) is None
    zero = Row("x", "ms", {OURS: cell_of([0.0]), PEERS: cell_of([1.0])})
    assert times_better(zero, OURS, PEERS) is None

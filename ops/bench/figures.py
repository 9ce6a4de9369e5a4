"""What was measured: every value of every round, and the median that is told of them.

The law: nothing measured is dropped. The median is told, with the least and the most beside it.
"""

from statistics import median
from typing import NamedTuple


class Value(NamedTuple):
    """One measurement of one server in one round."""

    what: str  # a row of the table
    unit: str
    server: str
    value: float


class Cell(NamedTuple):
    """A server's figure in a row."""

    median: float
    least: float
    most: float
    rounds: int


class Row(NamedTuple):
    """A figure of all servers that have it."""

    what: str
    unit: str
    cells: dict[str, Cell]

    @property
    def more_is_better(self) -> bool:
        """Rates; everything else is a cost."""
        return self.unit.endswith("/s")


def cell_of(values: list[float]) -> Cell:
    """The median of the rounds, with the least and the most."""
    return Cell(median(values), min(values), max(values), len(values))


def rows_of(values: list[Value]) -> list[Row]:
    """The rows, in the order in which they were first measured."""
    grouped: dict[tuple[str, str], dict[str, list[float]]] = {}
    for value in values:
        grouped.setdefault((value.what, value.unit), {}).setdefault(value.server, []).append(value.value)
    return [
        Row(what, unit, {server: cell_of(found) for server, found in servers.items()})
        for (what, unit), servers in grouped.items()
    ]


def times_better(row: Row, server: str, than: str) -> float | None:
    """How many times better a server is than another: above 1 is better, for rates and costs alike."""
    if server == than or server not in row.cells or than not in row.cells:
        return None
    mine, theirs = row.cells[server].median, row.cells[than].median
    over, under = (mine, theirs) if row.more_is_better else (theirs, mine)
    return over / under if under else None

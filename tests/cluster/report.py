"""The table of many rounds: what each fault cost, for people and as JSON."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.table import Table

from tests.cluster.rounds import Round

COLUMNS: Final = (
    "fault",
    "rounds",
    "gap p50 s",
    "p99 s",
    "max s",
    "goal s",
    "acknowledged",
    "failed",
    "cut off",
    "failed, yet done",
    "fenced",
    "lost",
    "doubled",
)


def summary(rounds: Iterable[Round], goals: dict[str, float], lost: int, doubled: int) -> list[dict[str, Any]]:
    """One row a fault, in the order of `goals`, and one for all; numbers as they are."""
    by_fault: dict[str, list[Round]] = {name: [] for name in goals}
    for each in rounds:
        by_fault[each.fault].append(each)
    rows = [_row(name, played, goals[name], 0, 0) for name, played in by_fault.items() if played]
    everything = [each for played in by_fault.values() for each in played]
    if everything:
        rows.append(_row("all", everything, 0.0, lost, doubled))
    return rows


def table(rows: Sequence[dict[str, Any]], title: str) -> Table:
    """The same for people. What was lost or doubled ends a run, so it is told for all rounds together."""
    made = Table(*COLUMNS, title=title)
    for row in rows:
        cells = [f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()]
        made.add_row(*cells, style="bold" if row["fault"] == "all" else "")
    return made


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 100) * len(ordered) // 100) - 1))]


def _row(name: str, played: Sequence[Round], goal_s: float, lost: int, doubled: int) -> dict[str, Any]:
    gaps = [each.gap_s for each in played]
    values = (
        name,
        len(played),
        statistics.median(gaps),
        percentile(gaps, 0.99),
        max(gaps),
        goal_s or "",
        sum(each.acknowledged for each in played),
        sum(each.failed for each in played),
        sum(each.cut for each in played),
        sum(each.kept for each in played),
        sum(each.fenced for each in played),
        lost,
        doubled,
    )
    return dict(zip(COLUMNS, values, strict=True))

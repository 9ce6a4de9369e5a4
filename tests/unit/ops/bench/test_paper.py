"""A small page and small results, worked out by hand."""

from pathlib import Path

import pytest

from ops.bench import paper

RESULTS = """\
# Results
<!-- shards: measured, do not edit -->
|  | unit | 1 shard | one at a time | Rookery: times better |
|---|---|--:|--:|--:|
| STATUS: CPU of gateway | ms/command | 0.100 | 1,250 (1 to 2) |  |
| STATUS: CPU of shards | ms/command | 0.100 |  |  |
<!-- /shards -->
<!-- idle: measured, do not edit -->
| STATUS: CPU of shards | ms/command | 7 | 7 |  |
<!-- /idle -->
"""
ASSUMED = paper.given(paper.SCALE.read_text(), "assumptions")
FIGURES = dict.fromkeys(paper.MEASURED, 1.0)


def test_what_results_have_is_found_and_nothing_else() -> None:
    assert paper.measured(RESULTS) == {"STATUS, gateway ms": 1250.0}


def test_every_figure_and_assumption_is_in_the_page() -> None:
    assert set(paper.given(paper.SCALE.read_text(), "figures")) == set(paper.MEASURED)
    lines = {line.what: line.value for line in paper.worked_out(FIGURES, ASSUMED)}
    assert all(value > 0 for value in lines.values())


def test_the_sums_are_right() -> None:
    assumed = ASSUMED | {
        "accounts": 864_000.0,
        "peak over mean": 1.0,
        "deliveries an account and day": 10.0,
        "deliveries to accounts not in memory": 0.5,
        "busy at the peak": 0.5,
        "accounts connected": 0.5,
        "accounts a shard holds": 4320.0,
    }
    assumed |= {f"{what} an account and day": 0.0 for what in ("APPEND", "STATUS", "SELECT", "STORE", "FETCH")}
    figures = FIGURES | {"delivery, shard ms": 100.0, "cold delivery, shard ms": 300.0}
    lines = {line.what: line.value for line in paper.worked_out(figures, assumed)}
    assert lines["deliveries, at the peak"] == 100.0
    assert lines["mailbox shards: processors busy"] == pytest.approx(20.0)
    assert lines["mailbox shard processes by CPU"] == 40
    assert lines["mailbox shard processes"] == 100, "by memory"


def test_a_figure_that_results_lack_stays(tmp_path: Path) -> None:
    results, scale = tmp_path / "RESULTS.md", tmp_path / "scale.md"
    results.write_text(RESULTS)
    scale.write_text(paper.told(FIGURES, ASSUMED, paper.SCALE.read_text()))
    paper.main(results, scale)
    once = scale.read_text()
    assert paper.given(once, "figures") == FIGURES | {"STATUS, gateway ms": 1250.0}
    paper.main(results, scale)
    assert scale.read_text() == once

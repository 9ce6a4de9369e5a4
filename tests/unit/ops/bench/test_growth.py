"""The same work at two sizes, with a real server."""

from pathlib import Path

import pytest

from ops.bench import growth
from ops.bench.delivery import Make
from ops.bench.growth import Work, measure
from ops.bench.peers import OURS, Rookery, free_ports, scratch


def test_every_figure_is_there_for_every_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "SIZES_QUICK", (5, 10))
    monkeypatch.setattr(growth, "WORK_QUICK", Work(20, 4, 1))
    make: dict[str, Make] = {OURS: lambda path: Rookery(path, free_ports())}
    values = list(measure(make, lambda: scratch(tmp_path), 1, quick=True, told=lambda _text: None))
    assert {value.server for value in values} == {"5 accounts", "10 accounts"}
    per_size = [value.what for value in values if value.server == "5 accounts"]
    assert len(per_size) == len(set(per_size)) == 9
    assert all(value.value > 0 for value in values if not value.what.startswith("memory"))
    assert list(tmp_path.iterdir()) == []

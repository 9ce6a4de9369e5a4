"""A few changes through two real gateways."""

from pathlib import Path

import pytest

from ops.bench import idle
from ops.bench.idle import GATEWAYS, measure, spread
from ops.bench.peers import scratch


def test_the_spread_of_times() -> None:
    values = {value.what: value.value for value in spread("heard", "here", [float(ms) for ms in range(1, 200)])}
    assert values == {"heard: median": 100.0, "heard: 99 of 100": pytest.approx(198.0), "heard: longest": 199.0}


@pytest.mark.timeout(180)  # a dozen processes on a busy machine
@pytest.mark.part("etcd")
@pytest.mark.part("postgresql")
def test_every_change_is_heard(passable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "ACCOUNTS", 2)
    monkeypatch.setattr(idle, "SHARDS", 1)
    monkeypatch.setattr(idle, "SAMPLES_QUICK", 6)  # flags go on and off again
    values = list(measure(None, lambda: scratch(passable), 1, quick=True, told=lambda _text: None))
    assert {value.server for value in values} == set(GATEWAYS)
    assert len({value.what for value in values}) * 2 == len(values) == 12
    assert all(value.value > 0 for value in values)

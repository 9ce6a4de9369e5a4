"""A few messages and commands through a real cluster of one shard."""

from pathlib import Path

import pytest

from ops.bench import shards
from ops.bench.peers import scratch
from ops.bench.shards import ONE_AT_A_TIME, Accounts, Work, measure, pairs


def test_pairs_share_a_slot() -> None:
    assert pairs({0: 7, 1: 8, 2: 7, 3: 7, 4: 9, 5: 8}) == Accounts([0, 1], [2, 5])


@pytest.mark.timeout(180)  # a dozen processes on a busy machine
@pytest.mark.part("etcd")
@pytest.mark.part("postgresql")
def test_every_figure_is_there(passable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARDS_QUICK", (1,))
    monkeypatch.setattr(shards, "WORK_QUICK", Work(500, 20, 2, 2, 2))
    values = list(measure(None, lambda: scratch(passable), 1, quick=True, told=lambda _text: None))
    assert {value.server for value in values} == {"1 shard", ONE_AT_A_TIME}
    found = {(value.what, value.server): value.value for value in values}
    assert len(found) == len(values), "each figure once"
    # One message after the other, each is one commit and its trace another; and all that was acknowledged is counted.
    assert found["delivery: store, commits", ONE_AT_A_TIME] == 2
    assert found["STORE a flag: store, commits", ONE_AT_A_TIME] == 1
    assert found["STATUS: store, commits", ONE_AT_A_TIME] == 0
    assert found["delivery: CPU of shards", "1 shard"] > 0
    assert list(passable.iterdir()) == []

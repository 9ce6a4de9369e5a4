"""ops/sim/faults.py: schedules come from the seed alone, and end by the horizon."""

from random import Random

from ops.sim.faults import KINDS, Fault, Kind, schedule


def _drawn(seed: int, *kinds: Kind) -> list[Fault]:
    return schedule(
        kinds, Random(seed), 25.0, gateways=("g1", "g2"), shards=("s1", "s2"), controllers=("c1",)
    )  # fmt: skip


def test_the_seed_decides() -> None:
    assert _drawn(1, *KINDS) == _drawn(1, *reversed(KINDS))
    assert _drawn(1, *KINDS) != _drawn(2, *KINDS)
    assert _drawn(1) == []


def test_every_kind_brings_something_within_the_horizon() -> None:
    for kind in KINDS:
        drawn = [fault for seed in range(50) for fault in _drawn(seed, kind)]
        assert drawn
        assert all(0 <= fault.at <= 25 for fault in drawn)
        assert all(fault.at + fault.lasts <= 25.001 for fault in drawn if fault.what != "pause-in-commit")

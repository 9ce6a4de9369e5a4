"""Every invariant holds on every seed: each kind of fault alone, none, and all together."""

from collections.abc import Iterator, Sequence

import pytest

from ops.sim.faults import KINDS, Kind
from ops.sim.run import play

pytestmark = pytest.mark.timeout(300)  # seconds of processor time become many on a machine that does much else
CHUNK = 20  # seeds of one test, so that several workers share them
SETS: tuple[tuple[Sequence[Kind], int], ...] = (
    ((), 20),
    *(((kind,), 40) for kind in KINDS),
    (("pause", "partition", "registry"), 120),
    (("crash", "store"), 120),
    (KINDS, 400),
)


def _chunks() -> Iterator[tuple[Sequence[Kind], int]]:
    for kinds, count in SETS:
        for first in range(1, count + 1, CHUNK):
            yield kinds, first


def _name(kinds: Sequence[Kind]) -> str:
    return "all" if len(kinds) == len(KINDS) else "+".join(kinds) or "none"


def test_a_thousand_seeds_are_played() -> None:
    assert sum(count for _kinds, count in SETS) >= 1000
    assert all(count % CHUNK == 0 for _kinds, count in SETS)


@pytest.mark.parametrize(
    ("kinds", "first"), [pytest.param(kinds, first, id=f"{_name(kinds)}-{first}") for kinds, first in _chunks()]
)
def test_invariants_hold(kinds: Sequence[Kind], first: int) -> None:
    for seed in range(first, first + CHUNK):
        outcome = play(seed, kinds)
        again = f"rookery sim --seed {seed} --faults {','.join(kinds) or 'none'} --trace"
        assert not outcome.broken, f"{again}\n{outcome.broken}"
        assert outcome.answered > outcome.unanswered, again  # a cluster that answers nobody breaks nothing

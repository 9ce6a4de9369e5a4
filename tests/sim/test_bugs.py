"""The simulator finds planted bugs, each within a bounded number of seeds."""

import pytest

from ops.sim.run import play
from tests.sim.bugs import BUGS

pytestmark = pytest.mark.timeout(300)  # seconds of processor time become many on a machine that does much else


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bug = BUGS[name]
    bug.plant(monkeypatch)
    for seed in range(1, bug.seeds + 1):
        outcome = play(seed, bug.faults)
        if outcome.broken:
            assert outcome.trace[-1]
            return
    pytest.fail(f"{name}: not found in {bug.seeds} seeds")

"""`rookery sim`: what it prints, and how it ends."""

import pytest
from click.testing import CliRunner

from ops.cli.sim import sim
from ops.sim.world import World


def test_one_seed_is_told_and_traced_the_same_each_time() -> None:
    runs = [
        CliRunner().invoke(sim, ["--seed", "2", "--faults", "crash,clock", "--steps", "4", "--trace"]) for _ in "ab"
    ]
    assert [run.exit_code for run in runs] == [0, 0]
    assert runs[0].stdout == runs[1].stdout
    assert "commit" in runs[0].stdout
    assert "seed 2: " in runs[0].stdout


def test_many_seeds_make_a_table() -> None:
    done = CliRunner().invoke(sim, ["--seeds", "3:6", "--faults", "none", "--steps", "2"])
    assert done.exit_code == 0
    assert "seeds" in done.stdout
    assert "4" in done.stdout


def test_a_broken_invariant_is_told_with_the_command_that_replays_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "_landed", lambda self, lane, changes: self.fail("a planted one"))
    done = CliRunner().invoke(sim, ["--seeds", "7:9", "--faults", "pause,loss", "--steps", "3"])
    assert done.exit_code == 1
    assert "seed 7 BROKE: a planted one" in done.stderr
    assert "sim --seed 7 --faults loss,pause --steps 3 --trace" in done.stderr
    assert "seed 8" not in done.stderr


@pytest.mark.parametrize("arguments", [["--faults", "rain"], ["--seeds", "5:1"], ["--seed", "1", "--seeds", "1:2"]])
def test_nonsense_is_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(sim, arguments).exit_code == 2

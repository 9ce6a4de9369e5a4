"""The same seed is the same run: again in this process, and in others that hash strings otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.sim.run import play

pytestmark = pytest.mark.timeout(300)  # seconds of processor time become many on a machine that does much else
ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(1, 9)
PRINT = f"""
from ops.sim.run import play
print(*(play(seed).digest for seed in range({SEEDS.start}, {SEEDS.stop})))
"""


def _elsewhere(hash_seed: str) -> list[str]:
    environ = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT / 'proto'}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", PRINT], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split()


def test_again_and_elsewhere() -> None:
    here = [play(seed).digest for seed in SEEDS]
    assert len(set(here)) == len(here)
    assert [play(seed).digest for seed in reversed(SEEDS)] == here[::-1]
    assert _elsewhere("1") == here
    assert _elsewhere("2") == here


def test_whoever_listens_changes_nothing() -> None:
    lines: list[str] = []
    assert play(3, tell=lines.append).digest == play(3).digest
    assert lines

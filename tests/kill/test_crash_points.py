"""A crash at every point between the last byte of DATA and the end, each tried (crashing.py says how).

After each the message is whole or absent, everything else is as it was, what was acknowledged is there, and the next
delivery goes as ever.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kill.crashing import CASES, Judged
from tests.running import ROOT, environment

# What must have been among the points: else the net has a hole.
EVERYWHERE = {
    "await: Shard.ask",
    "await: Committer.commit",
    "thread: putmulti",
    "thread: commit",
    "thread: answers",
    "client: before it is told",
    "client: told",
}
OF_FILES = {"thread: open", "thread: write", "thread: fsync", "thread: rename"}
POINTS_MIN = {"smtp": 18, "new account": 18, "large": 35, "lmtp": 20}


@pytest.mark.kill
@pytest.mark.parametrize("case", CASES)
def test_every_point(case: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.kill.crashing", case, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
    judged = [Judged(*json.loads(line)) for line in done.stdout.splitlines()]
    points = {one.point for one in judged}
    assert len(judged) >= POINTS_MIN[case]
    assert points >= EVERYWHERE | (OF_FILES if CASES[case].is_large else set())
    assert judged[0].point == "", "the first attempt lives"
    assert sum(not one.point for one in judged) <= len(judged) // 4, "points that never came by"
    # The three worlds a crash can leave behind have all been seen.
    recipients = CASES[case].recipients
    assert any((one.acknowledged, one.found) == (0, 0) for one in judged)
    assert any(one.acknowledged == 0 and one.found == recipients for one in judged)
    assert any(one.acknowledged and one.found == recipients for one in judged if one.point)

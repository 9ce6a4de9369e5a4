"""Who holds which name on a node."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from cluster.hosting.ray import records

HOLDER = """
import signal, sys, time
from pathlib import Path
from cluster.hosting.ray import records
signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[4:] else lambda *_: sys.exit())
held = records.hold(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
print("held", flush=True)
time.sleep(60)
"""


def holder(state: Path, name: str, role: str, *more: str) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state), name, role, *more],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    child.stdout.close()
    return child


def test_a_name_is_held_while_its_process_lives(tmp_path: Path) -> None:
    child = holder(tmp_path, "mailbox-a-1", "mailbox")
    assert records.living(tmp_path) == {"mailbox-a-1": records.Record(child.pid, "mailbox", 0)}
    child.kill()
    child.wait(10)
    assert records.living(tmp_path) == {}


def test_a_predecessor_that_does_not_end_is_killed(tmp_path: Path) -> None:
    child = holder(tmp_path, "mailbox-a-1", "mailbox")
    held = records.hold(tmp_path, "mailbox-a-1", "mailbox", wait_s=0.0)
    assert child.wait(10) == -signal.SIGKILL
    assert held.failures == 0


def test_failures_are_remembered_by_the_next(tmp_path: Path) -> None:
    first = records.hold(tmp_path, "queue-a-1", "queue")
    first.note("queue", 3)
    first._file.close()
    assert records.hold(tmp_path, "queue-a-1", "queue").failures == 3


def test_all_end_role_by_role(tmp_path: Path) -> None:
    children = [holder(tmp_path, "mailbox-a-1", "mailbox"), holder(tmp_path, "gateway-a-1", "gateway")]
    told: list[str] = []
    assert records.end_all(tmp_path, ("gateway", "mailbox"), 20, told.append)
    assert told == ["gateway-a-1", "mailbox-a-1"]
    assert [child.wait(10) for child in children] == [0, 0]


def test_who_does_not_end_in_time_is_killed_and_told(tmp_path: Path) -> None:
    child = holder(tmp_path, "mailbox-a-1", "mailbox", "deaf")
    assert not records.end_all(tmp_path, (), 0.0, lambda _: None)
    assert child.wait(10) == -signal.SIGKILL


def test_nothing_starts_while_the_node_stops(tmp_path: Path) -> None:
    with records.stopping(tmp_path):
        assert records.is_stopping(tmp_path)
    assert not records.is_stopping(tmp_path)


def test_a_file_that_cannot_be_read_names_nobody(tmp_path: Path) -> None:
    (tmp_path / records.FOLDER).mkdir()
    (tmp_path / records.FOLDER / "x").write_bytes(b"\x00junk")
    assert records.hold(tmp_path, "x", "queue").failures == 0

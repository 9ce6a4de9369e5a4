"""A few rounds over the queue. Many rounds: `python -m tests.kill --queue`."""

from pathlib import Path

import pytest

from tests.kill.queue_rounds import QueueRounds

pytestmark = pytest.mark.kill


@pytest.mark.parametrize(("store", "rounds"), [("lmdb", 6), ("sqlite", 3)])
def test_mail_that_was_acknowledged_goes_out_or_comes_back(tmp_path: Path, store: str, rounds: int) -> None:
    play = QueueRounds(tmp_path, seed=1, store=store)
    try:
        for _round in play.run(rounds):
            pass
    finally:
        play.close()
    assert play.killed >= rounds
    assert play.reckoned.taken > 0
    assert play.reckoned.bounced > 0
    assert play.reckoned.queued == 0


def test_without_a_kill_nothing_goes_out_twice(tmp_path: Path) -> None:
    """The sink is as bad as ever."""
    play = QueueRounds(tmp_path, seed=2)
    try:
        for _round in play.run(4, kills=False):
            pass
    finally:
        play.close()
    assert play.killed == 0
    assert play.reckoned.taken > 100
    assert (play.reckoned.queued, play.reckoned.again) == (0, 0)

"""A few rounds of the kill test on each store. Many rounds: `python -m tests.kill`."""

from pathlib import Path

import pytest

from tests.kill.rounds import Rounds


@pytest.mark.kill
@pytest.mark.parametrize(("store", "rounds"), [("lmdb", 6), ("sqlite", 5)])
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, store: str, rounds: int) -> None:
    play = Rounds(tmp_path / "data", seed=1, store=store)
    try:
        for _totals in play.run(rounds):
            pass
    finally:
        play.close()
    done = play.ledger.acknowledged
    assert all(done[command] for command in ("SMTP", "LMTP", "APPEND", "STORE", "EXPUNGE")), done
    assert all(done[command] for command in ("MULTIAPPEND", "REPLACE", "SETMETADATA", "SETACL", "RENAME")), done
    assert done["COPY"] + done["MOVE"], done
    assert sum(follower.came_back for follower in play.followers) >= rounds * len(play.followers)
    assert sum(times for command, times in done.items() if "/set" in command) >= rounds, done
    assert all(believer.caught_up and believer.heard for believer in play.believers)

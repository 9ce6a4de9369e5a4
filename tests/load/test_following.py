"""What a client that comes back must notice, and what may be found of annotations, rights and names."""

from typing import cast

import pytest

from tests.load.arranging import Arranged
from tests.load.following import Follower
from tests.load.ledger import Broken
from tests.load.wire import Answer, Imap

SELECTED = [b"* 2 EXISTS\r\n", b"* OK [UIDVALIDITY 7] x\r\n", b"* OK [HIGHESTMODSEQ 5] x\r\n"]
ROWS = [b"* 1 FETCH (UID 3 FLAGS (\\Seen))\r\n", b"* 2 FETCH (UID 4 FLAGS (\\Recent))\r\n"]


class Scripted:
    """An IMAP session whose answers are known beforehand, by how their commands begin."""

    def __init__(self, **answers: list[bytes]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def run(self, command: str, *_more: bytes | str) -> Answer:
        self.asked.append(command)
        lines = self._answers.get(command.split()[0], [])
        return Answer([(line, []) for line in lines], b"k1 OK done\r\n")

    done = run


def _imap(**answers: list[bytes]) -> Imap:
    return cast("Imap", Scripted(**answers))


async def test_one_that_is_right() -> None:
    follower = Follower("alice", "INBOX")
    await follower.compare(_imap(SELECT=SELECTED, UID=ROWS))
    assert follower.came_back == 0
    back = [*SELECTED[:2], b"* OK [HIGHESTMODSEQ 9] x\r\n", b"* 1 FETCH (UID 3 FLAGS () MODSEQ (8))\r\n"]
    again = Scripted(SELECT=back, UID=[b"* 1 FETCH (UID 3 FLAGS ())\r\n", ROWS[1]])
    await follower.compare(cast("Imap", again))
    assert follower.came_back == 1
    assert "SELECT INBOX (QRESYNC (7 5))" in again.asked


@pytest.mark.parametrize(
    ("told", "there"),
    [
        ([b"* 2 EXISTS\r\n"], [b"* 1 FETCH (UID 3 FLAGS (\\Flagged))\r\n", ROWS[1]]),  # a flag that was not told
        ([b"* 2 EXISTS\r\n", b"* VANISHED (EARLIER) 4\r\n"], ROWS),  # one is told as gone and is not
        ([b"* 2 EXISTS\r\n"], [ROWS[0], b"* 2 FETCH (UID 5 FLAGS ())\r\n"]),  # one went and one came, untold
    ],
)
async def test_what_it_was_told_wrong_is_seen(told: list[bytes], there: list[bytes]) -> None:
    follower = Follower("alice", "INBOX")
    await follower.compare(_imap(SELECT=SELECTED, UID=ROWS))
    with pytest.raises(Broken, match="a client of alice INBOX that came back"):
        await follower.compare(_imap(SELECT=[*told, *SELECTED[1:]], UID=there))


async def test_another_uidvalidity_is_seen() -> None:
    follower = Follower("alice", "INBOX")
    await follower.compare(_imap(SELECT=SELECTED, UID=ROWS))
    with pytest.raises(Broken, match="UIDVALIDITY was 7 and is 8"):
        await follower.compare(_imap(SELECT=[SELECTED[0], b"* OK [UIDVALIDITY 8] x\r\n", SELECTED[2]], UID=ROWS))


async def test_highest_counts_only_when_the_answer_is_whole() -> None:
    """RFC 7162 6: the code if there is one, even if it is lower than what was seen; else the highest that was seen."""
    follower = Follower("alice", "INBOX")
    follower._take(Answer([(b"* 1 FETCH (UID 3 FLAGS () MODSEQ (12))\r\n", [])], b"k OK x\r\n"))
    assert follower._highest == 12
    told: list[tuple[bytes, list[bytes]]] = [(b"* 1 FETCH (UID 3 FLAGS () MODSEQ (20))\r\n", [])]
    follower._take(Answer([*told, (b"* OK [HIGHESTMODSEQ 15] x\r\n", [])], b"k OK x\r\n"))
    assert follower._highest == 15
    follower._take(Answer([], b"k OK [HIGHESTMODSEQ 21] x\r\n"))
    assert follower._highest == 21


def test_what_is_arranged_is_one_of_what_it_may_be() -> None:
    arranged, key = Arranged(), ("alice", "SETMETADATA", "/shared/comment")
    arranged.seen(key, "", "")
    arranged.values(key, "").add("new")
    arranged.seen(key, "new", "")
    with pytest.raises(Broken, match="may be"):
        arranged.seen(key, "", "")

"""Every conversation file, with each line at once and octet by octet: the events are the same."""

import pytest

from tests.unit.mail.pop3.driver import FOLDER, Session, steps

NAMES = sorted(path.name for path in FOLDER.glob("*.txt"))


@pytest.mark.parametrize("octets", [False, True], ids=["lines", "octets"])
@pytest.mark.parametrize("name", NAMES)
def test_conversation(name: str, octets: bool) -> None:
    session = Session(octets=octets)
    for mark, rest in steps(name):
        if mark in ("C", "R"):
            assert session.seen == [], "events that the conversation does not expect"
        session.step(mark, rest)
    assert session.seen == []

"""The queue's kill test's own eyes: every way to break a promise is seen."""

import pytest

from tests.kill.outgoing import SETTLE_S, Outgoing, Taken, read_log
from tests.load.ledger import Broken, Doubled, Lost

HERE, THERE = "a@s1.test", "b@s1.test"


@pytest.fixture
def ledger() -> Outgoing:
    """One message for two was acknowledged; the server was killed at 100."""
    made = Outgoing(killed_at=[100.0])
    made.sent["t"] += 1
    made.acknowledged["t"] = (HERE, THERE)
    return made


def taken(at: float, *to: str, token: str = "t", whole: bool = True, since: float | None = None) -> Taken:
    return Taken(token, to or (HERE, THERE), at if since is None else since, at, whole, heard=False)


def test_at_the_sink_or_back_or_waiting(ledger: Outgoing) -> None:
    found = ledger.reckon([taken(50.0)], [], [])
    assert (found.taken, found.again) == (2, 0)
    ledger.reckon([taken(50.0, HERE)], [("t", THERE)], [])
    ledger.reckon([], [("t", HERE)], [("t", THERE)])


def test_nowhere(ledger: Outgoing) -> None:
    with pytest.raises(Lost, match="b@s1"):
        ledger.reckon([taken(50.0, HERE)], [], [])


def test_what_was_not_acknowledged_may_be_nowhere(ledger: Outgoing) -> None:
    ledger.acknowledged.clear()
    ledger.reckon([], [], [])


@pytest.mark.parametrize("first", [50.0, 100.0 - SETTLE_S - 0.01, 100.1])
def test_twice_without_a_kill_soon_after(ledger: Outgoing, first: float) -> None:
    with pytest.raises(Doubled):
        ledger.reckon([taken(first), taken(130.0, HERE)], [], [])


def test_twice_because_of_a_kill(ledger: Outgoing) -> None:
    assert ledger.reckon([taken(99.9), taken(130.0, HERE)], [], []).again == 1


def test_twice_because_nobody_read_the_first_answer(ledger: Outgoing) -> None:
    assert ledger.reckon([taken(104.0, since=99.0), taken(130.0, HERE)], [], []).again == 1


def test_the_second_time_needs_an_excuse_for_a_third(ledger: Outgoing) -> None:
    with pytest.raises(Doubled):
        ledger.reckon([taken(99.9), taken(130.0), taken(140.0)], [], [])


def test_taken_and_bounced(ledger: Outgoing) -> None:
    with pytest.raises(Doubled, match="elsewhere"):
        ledger.reckon([taken(50.0)], [("t", HERE)], [])
    assert ledger.reckon([taken(99.9)], [("t", HERE)], []).again == 1


def test_taken_and_waiting(ledger: Outgoing) -> None:
    with pytest.raises(Doubled, match="elsewhere"):
        ledger.reckon([taken(50.0)], [], [("t", HERE)])


def test_bounced_twice(ledger: Outgoing) -> None:
    with pytest.raises(Doubled, match="2 times"):
        ledger.reckon([], [("t", HERE), ("t", HERE), ("t", THERE)], [])


@pytest.mark.parametrize("wrong", [taken(50.0, token="u"), taken(50.0, whole=False)])
def test_what_nobody_sent(ledger: Outgoing, wrong: Taken) -> None:
    with pytest.raises(Broken, match="nobody sent"):
        ledger.reckon([taken(50.0), wrong], [], [])


def test_a_bounce_of_nothing(ledger: Outgoing) -> None:
    with pytest.raises(Broken, match="nobody sent"):
        ledger.reckon([taken(50.0)], [("u", HERE)], [])


def test_the_log() -> None:
    lines = [
        b'{"n": 1, "token": "t", "to": ["a@b"], "whole": true, "since": 5.0, "at": 5.5}\n',
        b'{"n": 1, "heard": 5.6}\n',
    ]
    assert read_log(lines) == [Taken("t", ("a@b",), 5.0, 5.5, True, True)]
    assert read_log(lines[:1]) == [Taken("t", ("a@b",), 5.0, 5.5, True, False)]

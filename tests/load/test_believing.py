"""What a JMAP client that follows /changes must notice, and what may be found of what one has filed."""

from typing import Any

import pytest

from tests.load.believing import Copy
from tests.load.filing import AWAY, HOME, Again, Kept, Where, compare_filed
from tests.load.ledger import Broken, Lost

ALL = ["mailboxIds", "keywords", "threadId"]
SEEN, NONE = frozenset({"$seen"}), frozenset[str]()


def _changes(old: str, new: str, **named: list[str]) -> dict[str, Any]:
    return {"oldState": old, "newState": new, "created": [], "updated": [], "destroyed": []} | named


def _copy() -> Copy:
    made = Copy("Email", "5")
    shown = {"list": [{"id": "M1", "keywords": {}}, {"id": "M2", "keywords": {}}], "notFound": ["M3"]}
    made.take(_changes("5", "6", created=["M1", "M2", "M3"]), shown, ALL)
    return made


def test_a_copy_is_kept() -> None:
    one = _copy()
    one.take(
        _changes("6", "9", updated=["M1"], destroyed=["M2"]),
        {"list": [{"id": "M1", "keywords": {"a": True}}], "notFound": []},
        ["keywords"],
    )
    assert (one.state, one.objects) == ("9", {"M1": {"id": "M1", "keywords": {"a": True}}})


@pytest.mark.parametrize(
    ("changes", "properties"),
    [
        (_changes("5", "6"), ALL),  # not since what was asked for
        (_changes("6", "5"), ALL),  # back to what was left
        (_changes("6", "6", destroyed=["M1"]), ALL),  # something, and no other state
        (_changes("6", "7", destroyed=["M1"], updated=["M1"]), ALL),  # of one thing twice
        (_changes("6", "7", updated=["M9"]), ["keywords"]),  # all else of it was never told
    ],
)
def test_what_a_copy_is_told_wrong_is_seen(changes: dict[str, Any], properties: list[str]) -> None:
    shown = {"list": [{"id": name, "keywords": {}} for name in changes["updated"]], "notFound": []}
    with pytest.raises(Broken):
        _copy().take(changes, shown, properties)


def _kept(**emails: set[Where]) -> Kept:
    return Kept("alice", "j", {HOME: "F1", AWAY: "F2"}, emails=dict(emails), below={"j-x": {True}})


def test_what_was_filed_is_one_of_what_it_may_be_and_then_stays() -> None:
    kept = _kept(a={(HOME, SEEN), (AWAY, SEEN)}, b={None, (HOME, NONE)}, c={None, (HOME, NONE)})
    kept.again = Again({"c": {}}, "7")
    compare_filed(kept, {"a": (AWAY, SEEN)}, ["j-x"])
    assert kept.emails == {"a": {(AWAY, SEEN)}, "c": {None}}, "what is going to be asked again may come"


@pytest.mark.parametrize(
    ("there", "below", "broken"),
    [
        ({}, ["j-x"], Lost),
        ({"a": (AWAY, SEEN)}, ["j-x"], Lost),
        ({"a": (HOME, NONE)}, ["j-x"], Lost),
        ({"a": (HOME, SEEN), "z": (HOME, SEEN)}, ["j-x"], Broken),
        ({"a": (HOME, SEEN)}, [], Lost),
        ({"a": (HOME, SEEN)}, ["j-x", "j-x"], Lost),
    ],
)
def test_what_was_filed_and_is_not_as_it_was_is_seen(
    there: dict[str, Where], below: list[str], broken: type[Broken]
) -> None:
    with pytest.raises(broken):
        compare_filed(_kept(a={(HOME, SEEN)}), there, below)

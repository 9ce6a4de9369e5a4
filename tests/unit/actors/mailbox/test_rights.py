"""actors/mailbox/rights.py: who may do what."""

import pytest

from actors.mailbox import rights
from actors.mailbox.types import DELETED, FLAGGED, SEEN, Acl, Who
from cluster.errors import NoRight, NotFound

BOB = Who(7, frozenset({"anyone", rights.of_account(7), rights.of_group("team@example.test")}))


@pytest.mark.parametrize(
    ("acl", "may"),
    [
        ((), ""),
        ((("user:7", "rl"),), "lr"),
        ((("user:8", "lr"),), ""),
        ((("anyone", "l"), ("user:7", "r")), "lr"),
        ((("group:team@example.test", "lrsw"),), "lrsw"),
        ((("anyone", "lrs"), ("-user:7", "s")), "lr"),
        ((("-group:team@example.test", "l"), ("user:7", "lr")), "r"),
        ((("-user:8", "l"), ("user:7", "lr")), "lr"),
    ],
)
def test_rights_are_what_is_given_less_what_is_taken(acl: Acl, may: str) -> None:
    assert rights.rights_of(acl, BOB) == may
    assert rights.rights_of(acl, None) == rights.ALL


def test_who_may_not_look_a_mailbox_up_does_not_hear_that_it_is_there() -> None:
    rights.need((), None, rights.ALL)
    rights.need((("user:7", "lri"),), BOB, "ri")
    with pytest.raises(NoRight):
        rights.need((("user:7", "l"),), BOB, "r")
    with pytest.raises(NotFound):
        rights.need((("user:7", "i"),), BOB, "r")


@pytest.mark.parametrize(
    ("may", "seen", "deleted", "others"), [("s", 1, 0, 0), ("t", 0, 1, 0), ("wst", 1, 1, 1), ("r", 0, 0, 0)]
)
def test_flags_that_may_be_changed(may: str, seen: int, deleted: int, others: int) -> None:
    allowed = rights.flags_allowed((("user:7", may),), BOB)
    assert [bool(allowed & bit) for bit in (SEEN, DELETED, FLAGGED, 1 << 40)] == [seen, deleted, others, others]


def test_an_acl_changes_by_setting_adding_and_removing() -> None:
    acl = rights.changed((), "user:7", "rl", "replace")
    acl = rights.changed(acl, "anyone", "l", "replace")
    acl = rights.changed(acl, "user:7", "is", "add")
    acl = rights.changed(acl, "-anyone", "s", "replace")
    assert acl == (("-anyone", "s"), ("anyone", "l"), ("user:7", "lrsi"))
    assert rights.granted(acl) == {"anyone", "user:7"}
    acl = rights.changed(acl, "user:7", "lrsi", "remove")
    assert rights.changed(acl, "anyone", "", "replace") == (("-anyone", "s"),)

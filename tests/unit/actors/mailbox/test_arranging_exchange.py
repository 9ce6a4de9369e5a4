"""Names that are handed on in a circle, in one entry of the log."""

import pytest

from actors.mailbox import events as ev
from actors.mailbox.rights import of_account
from actors.mailbox.types import INBOX, Create, Exchange, SetAcl, Subscribe, Who
from cluster.errors import AlreadyExists, NoRight, NotFound, OverLimit, Refused
from tests.unit.actors.mailbox.test_state import Log

BOB = Who(2, frozenset({of_account(2)}))


def made(*names: str) -> Log:
    log = Log()
    for name in names:
        log.do(Create(name))
    return log


def numbers(log: Log) -> dict[str, int]:
    return {name: number for name, number in log.account.by_name.items() if name.partition("/")[0] in "abc"}


@pytest.mark.parametrize(
    ("names", "circle", "after"),
    [
        ("a b", "a b", "b a"),
        ("a b c", "a b c", "b c a"),
        ("a a/x b b/x b/y", "a b", "b b/x a a/x a/y"),
        ("a a/b b", "a/b b", "a b a/b"),
        ("a a/b b", "a b", "b b/b a"),
        ("a a/b c", "a c a/b", "c a a/b"),
        ("a a/b a/b/x c c/x", "a a/b", "a/b a a/x c c/x"),
    ],
)
def test_each_has_the_name_of_the_next(names: str, circle: str, after: str) -> None:
    log = made(*names.split())
    before = {number: name for name, number in numbers(log).items()}
    entries = len(log.entries)
    log.do(Exchange(tuple(circle.split())))
    assert len(log.entries) == entries + 1
    assert [log.account.mailboxes[number].name for number in before] == after.split()
    assert {log.account.mailboxes[number].name: number for number in before} == numbers(log)


def test_what_is_subscribed_stays_so_in_the_same_entry() -> None:
    log = made("a", "a/x", "b")
    for name in ("a", "a/x"):
        log.do(Subscribe(name))
    entries = len(log.entries)
    log.do(Exchange(("a", "b")))
    assert len(log.entries) == entries + 1
    assert log.account.subscriptions & {"a", "a/x", "b", "b/x"} == {"b", "b/x"}


@pytest.mark.parametrize(
    ("circle", "error"),
    [
        (("a",), Refused),
        (("a", "a"), Refused),
        (("a", INBOX), Refused),
        (("a", "nothing"), NotFound),
        ((), Refused),
    ],
)
def test_what_cannot_be(circle: tuple[str, ...], error: type[Exception]) -> None:
    log = made("a", "b")
    with pytest.raises(error):
        log.do(Exchange(circle))


def test_who_may_not_rename_one_exchanges_none() -> None:
    log = made("top", "top/a", "top/b")
    for name, letters in (("top", "lrk"), ("top/a", "lrx"), ("top/b", "lr")):
        log.do(SetAcl(name, of_account(2), letters))
    with pytest.raises(NoRight):
        log.do(Exchange(("top/a", "top/b"), who=BOB))
    log.do(SetAcl("top/b", of_account(2), "lrx"))
    log.do(Exchange(("top/a", "top/b"), who=BOB))
    log.do(SetAcl("top", of_account(2), "lr"))
    with pytest.raises(NoRight):
        log.do(Exchange(("top/a", "top/b"), who=BOB))


def test_it_is_one_entry_or_nothing() -> None:
    log = made("a", "b", *(f"a/{number}" for number in range(ev.NAMES_PER_EVENT_MAX - 1)))
    with pytest.raises(OverLimit):
        log.do(Exchange(("a", "b")))


def test_names_that_would_be_two_s() -> None:
    log = made("a", "a/b", "c", "c/b")
    with pytest.raises(AlreadyExists):
        log.do(Exchange(("c", "a", "a/b")))

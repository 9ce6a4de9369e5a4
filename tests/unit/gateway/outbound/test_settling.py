"""gateway/outbound/settling.py and schedule.py: which notice is owed when, as tables."""

from typing import Any

import pytest

from actors.queue.types import Envelope, Fate, Kind, Outcome, Owed, Recipient, Result, Told, Work
from gateway.outbound.schedule import Pace, Schedule
from gateway.outbound.settling import asked_for, pending, settle

T = 1_700_000_000_000
RULE = Pace(retry=(300, 600), notify_after=1000, expire_after=5000)


def work(*notify: tuple[str, ...], tries: int = 0, fates: tuple[Fate, ...] = (), **mail: Any) -> Work:
    people = tuple(Recipient(f"{n}@x.test", one) for n, one in enumerate(notify or ((),)))
    fields = {"sender": "me@y.test"} | mail
    envelope = Envelope("x.test", recipients=people, digest=bytes(32), size=1, queued_ms=T, **fields)
    return Work(bytes(16), 1, T, envelope, tries, fates or (Fate(),) * len(people))


# NOTIFY, and the kinds that it asks for (RFC 3461 4.1)
ASKED: list[tuple[tuple[str, ...], set[Kind]]] = [
    ((), {"failure", "delay"}),
    (("NEVER",), set()),
    (("SUCCESS",), {"success", "relayed"}),
    (("FAILURE",), {"failure"}),
    (("DELAY",), {"delay"}),
    (("SUCCESS", "FAILURE", "DELAY"), {"success", "relayed", "failure", "delay"}),
]
KINDS: tuple[Kind, ...] = ("failure", "delay", "success", "relayed")


@pytest.mark.parametrize(("notify", "wanted"), ASKED)
def test_notify_says_what_is_told(notify: tuple[str, ...], wanted: set[Kind]) -> None:
    assert {kind for kind in KINDS if asked_for(Recipient("a@b", notify), kind)} == wanted


# NOTIFY, result, how old the mail is (s), the notice
OWED: list[tuple[tuple[str, ...], Outcome, bool, int, str]] = [
    ((), "failed", False, 0, "failure"),
    (("NEVER",), "failed", False, 0, ""),
    (("SUCCESS",), "failed", False, 0, ""),
    ((), "delivered", True, 0, ""),
    (("SUCCESS",), "delivered", True, 0, "relayed"),
    (("SUCCESS",), "delivered", False, 0, ""),  # the next server tells
    ((), "deferred", False, 999, ""),
    ((), "deferred", False, 1000, "delay"),
    (("FAILURE",), "deferred", False, 1000, ""),
    (("DELAY",), "deferred", False, 1000, "delay"),
    ((), "deferred", False, 5000, "failure"),
    (("DELAY",), "deferred", False, 5000, ""),
]


@pytest.mark.parametrize(("notify", "outcome", "relayed", "age_s", "kind"), OWED)
def test_what_is_owed(notify: tuple[str, ...], outcome: Outcome, relayed: bool, age_s: int, kind: str) -> None:
    result = Result(outcome, 450, relayed=relayed)
    for sender, expected in (("me@y.test", kind), ("", "")):
        settled = settle(work(notify, sender=sender), [(0, result)], Schedule(RULE), T + age_s * 1000)
        assert [one.kind for one in settled.owed] == ([expected] if expected else [])


def test_a_delay_is_told_of_once() -> None:
    once = work((), fates=(Fate(delayed=True),))
    assert settle(once, [(0, Result("deferred", 450))], Schedule(RULE), T + 2_000_000).owed == ()


def test_a_trace_is_told_of_where_it_was_asked_for() -> None:
    traced = work((), by_trace=True, by_ms=T + 1, by_mode="N")
    assert settle(traced, [(0, Result("delivered", 250))], Schedule(RULE), T).owed == (Owed("relayed", (0,)),)
    never = work(("NEVER",), by_trace=True, by_ms=T + 1, by_mode="N")
    assert settle(never, [(0, Result("delivered", 250))], Schedule(RULE), T).owed == ()


def test_recipients_are_settled_each_by_itself_and_told_of_together() -> None:
    four = work((), ("NEVER",), (), ())
    nobody, later, done = (
        Result("failed", 550, said="no"),
        Result("deferred", 451, said="later"),
        Result("delivered", 250),
    )
    settled = settle(four, [(0, nobody), (1, nobody), (2, later), (3, done)], Schedule(RULE), T)
    assert settled.told == (Told(nobody, (0, 1)), Told(later, (2,)), Told(done, (3,)))
    assert settled.owed == (Owed("failure", (0,)),)
    assert settled.until_ms > T + 300_000


def test_what_is_given_up_keeps_its_words() -> None:
    (told,) = settle(work(), [(0, Result("deferred", 451, "4.2.1", "busy", "mx"))], Schedule(RULE), T + 5_000_000).told
    assert told.result == Result("failed", 451, "4.4.7", "busy", "mx", cause="expired")


def test_an_untried_message_does_not_use_up_its_schedule() -> None:
    first = settle(work(tries=0), [(0, Result("deferred"))], Schedule(RULE), T, tried=False, wait_until_ms=T + 9000)
    assert first.until_ms == T + 301_000
    waiting = settle(
        work(tries=0), [(0, Result("deferred"))], Schedule(RULE), T, tried=False, wait_until_ms=T + 900_000
    )
    assert waiting.until_ms == T + 900_000


def test_who_is_served_is_not_pending() -> None:
    fates = (Fate(Result("delivered")), Fate(Result("deferred")), Fate(Result("failed")), Fate())
    assert pending(work((), (), (), (), fates=fates)) == (1, 3)


@pytest.mark.parametrize(("notify", "owed"), [((), []), (("NEVER",), []), (("SUCCESS",), ["success"])])
def test_what_is_stored_is_told_of_as_delivered(notify: tuple[str, ...], owed: list[str]) -> None:
    mail = work(notify, by_trace=True, by_ms=T + 1)
    settled = settle(mail, [(0, Result("delivered", 250, stored=True))], Schedule(RULE), T)
    assert [one.kind for one in settled.owed] == owed


def test_the_time_that_mail_was_to_wait_is_no_delay() -> None:
    deferred = [(0, Result("deferred", 451))]
    waited = work((), ready_ms=T + 9_000_000)
    now_ms = waited.mail.ready_ms
    first = settle(waited, deferred, Schedule(RULE), now_ms)
    assert (first.told[0].result.outcome, first.owed) == ("deferred", ())
    late = settle(waited, deferred, Schedule(RULE), now_ms + 1_000_000)
    assert [one.kind for one in late.owed] == ["delay"]
    assert settle(waited, deferred, Schedule(RULE), now_ms + 5_000_000).told[0].result.outcome == "failed"

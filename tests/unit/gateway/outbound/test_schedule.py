"""gateway/outbound/schedule.py: waits, ends, and the operator's word."""

from msgspec.structs import replace

from gateway.outbound.schedule import Circumstance, Pace, Schedule
from tests.unit.gateway.outbound.test_settling import RULE, T, work


def wait_s(schedule: Schedule, attempts: int, *, age_s: int = 0, id_: bytes = bytes(16)) -> float:
    times = schedule.times(replace(work(), id=id_), 0, attempts, "", T + age_s * 1000)
    return (times.next_ms - T) / 1000 - age_s


def test_waits_follow_the_list_and_the_last_stays() -> None:
    assert [wait_s(Schedule(RULE), attempts) for attempts in (0, 1, 2, 3, 9)] == [301, 301, 601, 601, 601]


def test_waits_differ_by_up_to_a_tenth_and_are_the_same_when_decided_again() -> None:
    waits = [wait_s(Schedule(RULE), 2, id_=bytes(15) + bytes((n,))) for n in range(256)]
    assert min(waits) == 601
    assert 650 <= max(waits) <= 661
    assert len(set(waits)) > 50
    assert waits == [wait_s(Schedule(RULE), 2, id_=bytes(15) + bytes((n,))) for n in range(256)]


def test_the_last_attempt_is_when_the_time_is_over() -> None:
    assert wait_s(Schedule(RULE), 2, age_s=4900) == 100
    assert Schedule(RULE).times(work(), 0, 9, "", T + 5_000_000).expired


def test_a_rule_chooses_by_circumstance() -> None:
    asked: list[Circumstance] = []

    def choose(circumstance: Circumstance) -> Pace:
        asked.append(circumstance)
        return Pace(retry=(7,), notify_after=0) if circumstance.cause == "greylisted" else RULE

    schedule = Schedule(choose)
    times = schedule.times(work(priority=3), 0, 4, "greylisted", T)
    assert times.next_ms == T + 8000
    assert asked == [Circumstance(work(priority=3).mail, 0, 4, "greylisted")]
    assert not schedule.times(work(), 0, 1, "greylisted", T + 400_000_000).late, "never, where it is 0"
    assert schedule.until_ms(work().mail, 0, 1, "") == T + 5_000_000


def test_an_operators_word_goes_before_the_rule() -> None:
    told = replace(work(), expires_ms=T + 50_000)
    assert Schedule(RULE).times(told, 0, 1, "", T).next_ms == T + 50_000
    assert not Schedule(RULE).too_late(told, T + 49_999)
    assert Schedule(RULE).too_late(told, T + 50_000)
    longer = replace(work(), expires_ms=T + 9_000_000)
    assert not Schedule(RULE).times(longer, 0, 1, "", T + 6_000_000).expired


def test_deliver_by_ends_it_or_only_tells() -> None:
    returned = work(by_ms=T + 100_000, by_mode="R")
    assert Schedule(RULE).times(returned, 0, 1, "", T).next_ms == T + 100_000
    assert Schedule(RULE).times(returned, 0, 1, "", T + 100_000).expired
    assert Schedule(RULE).too_late(returned, T + 100_000)
    notified = work(by_ms=T + 100_000, by_mode="N")
    assert Schedule(RULE).times(notified, 0, 1, "", T).next_ms == T + 100_000
    times = Schedule(RULE).times(notified, 0, 1, "", T + 100_000)
    assert (times.expired, times.late) == (False, True)
    assert not Schedule(RULE).too_late(notified, T + 100_000)

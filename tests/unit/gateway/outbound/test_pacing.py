"""gateway/outbound/pacing.py: the schedule by rules, and at no cost without them."""

import random

import pytest

from cluster.clock import ManualClock
from cluster.config.loading import load
from cluster.errors import Misconfigured
from cluster.rules import Tools
from cluster.rules.facts import TO_ASK, Missing
from gateway.outbound.pacing import pace_of
from gateway.outbound.schedule import Circumstance, Pace, Schedule, ScheduleSettings
from tests.unit.gateway.outbound.test_settling import T, work

RULES = """
retry = [
    { if = 'cause == "greylisted" && retry < 3', then = [60, 120] },
    { if = 'recipient_domain == "x.test" && sender_domain == "slow.test"', then = [3600] },
    { else = [300] },
]
notify_after = [{ if = 'priority > 0 && sender != ""', then = 600 }, { else = 0 }]
expire_after = [{ if = 'recipient.startsWith("0@")', then = 7200 }, { else = 86400 }]
"""


class Slow:
    """Lookups that have to be waited for."""

    def find(self, name: str, key: str) -> str | Missing:
        return TO_ASK

    async def ask(self, name: str, key: str) -> str | Missing:
        raise AssertionError


def tools(tables: Slow | None = None) -> Tools:
    return Tools(tables, clock=ManualClock(), dice=random.Random(1))


def wait_s(schedule: Schedule, attempts: int, cause: str, sender: str = "me@y.test") -> float:
    return (schedule.times(work(sender=sender), 0, attempts, cause, T).next_ms - T) / 1000 - 1


def test_without_rules_there_is_one_schedule() -> None:
    assert pace_of(ScheduleSettings(), tools()) == Pace()
    plain = load(ScheduleSettings, "retry = [7]\nnotify_after = 8\nexpire_after = 90", {})
    assert pace_of(plain, tools()) == Pace((7,), 8, 90)


def test_rules_choose_by_who_writes_to_whom_and_why_it_waits() -> None:
    schedule = Schedule(pace_of(load(ScheduleSettings, RULES, {}), tools()))
    assert [wait_s(schedule, attempts, "greylisted") for attempts in (1, 2, 3)] == [60, 120, 300]
    assert wait_s(schedule, 1, "timeout", "me@slow.test") == 3600
    assert schedule.until_ms(work().mail, 0, 1, "") == T + 7_200_000
    assert not schedule.times(work(), 0, 1, "", T + 7_199_000).late
    assert schedule.times(work(priority=1), 0, 1, "", T + 600_000).late
    assert schedule.times(work(), 0, 1, "", T + 7_200_000).expired


def test_a_rule_that_would_have_to_wait_does_not_hold() -> None:
    text = "expire_after = [{ if = 'recipient in list(\"far\")', then = 60 }, { else = 90 }]"
    choose = pace_of(load(ScheduleSettings, text, {}), tools(Slow()))
    assert not isinstance(choose, Pace)
    assert choose(Circumstance(work().mail, 0, 1, "")).expire_after == 90


@pytest.mark.parametrize(
    "text",
    ["retry = []", "retry = [0]", "retry = [{ else = [] }]", "expire_after = [{ else = 5 }]", "notify_after = -1"],
)
def test_a_schedule_without_an_end_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured):
        load(ScheduleSettings, text, {})

"""Rules that fail are counted always and logged now and then."""

import structlog

from cluster.clock import ManualClock
from cluster.rules.facts import LOGGED_EVERY_MS, LOGGED_RULES_MAX, Tools


def test_each_failing_rule_is_logged_once_a_minute() -> None:
    clock = ManualClock()
    with structlog.testing.capture_logs() as logs:
        tools = Tools(clock=clock)
        for _ in range(5):
            tools.failed("a", "why" * 1000)
        tools.failed("b", "why")
        clock.advance(LOGGED_EVERY_MS / 1000)
        tools.failed("a", "again")
    assert [(entry["rule"], len(entry["why"])) for entry in logs] == [("a", 200), ("b", 3), ("a", 5)]
    assert tools.failures._value.get() == 7


def test_what_is_remembered_is_bounded() -> None:
    tools = Tools(clock=ManualClock())
    with structlog.testing.capture_logs():
        for number in range(3 * LOGGED_RULES_MAX):
            tools.failed(str(number), "why")
    assert len(tools._logged_ms) <= LOGGED_RULES_MAX

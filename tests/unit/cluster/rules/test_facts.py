"""Rules that fail are counted always and logged now and then."""

from typing import Any

from cluster.clock import ManualClock
from cluster.rules.facts import LOGGED_EVERY_MS, LOGGED_RULES_MAX, Tools


class Lines:
    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def warning(self, event: str, **known: Any) -> None:
        assert event == "rule.failed"
        self.told.append((known["rule"], len(known["why"])))


def test_each_failing_rule_is_logged_once_a_minute() -> None:
    clock, log = ManualClock(), Lines()
    tools = Tools(clock=clock, log=log)
    for _ in range(5):
        tools.failed("a", "why" * 1000)
    tools.failed("b", "why")
    clock.advance(LOGGED_EVERY_MS / 1000)
    tools.failed("a", "again")
    assert log.told == [("a", 200), ("b", 3), ("a", 5)]
    assert tools.failures._value.get() == 7


def test_what_is_remembered_is_bounded() -> None:
    tools = Tools(clock=ManualClock(), log=Lines())
    for number in range(3 * LOGGED_RULES_MAX):
        tools.failed(str(number), "why")
    assert len(tools._logged_ms) <= LOGGED_RULES_MAX

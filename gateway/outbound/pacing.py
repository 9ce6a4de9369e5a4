"""The schedule of outgoing mail by rules of the settings: [queue.schedule].

The law: without rules there is one schedule for all mail, and nothing is asked. A rule that would have to wait for a
lookup counts as not matching: when mail is tried again is decided at once.
"""

from cluster.rules import Tools
from gateway.outbound.leaving import leaving_facts
from gateway.outbound.schedule import Choosing, Circumstance, Pace, ScheduleSettings


def pace_of(settings: ScheduleSettings, tools: Tools) -> Choosing | Pace:
    """What a Schedule goes by."""
    return settings.pace if settings.is_plain else _ByRule(settings, tools)


class _ByRule:
    def __init__(self, settings: ScheduleSettings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools

    def __call__(self, of: Circumstance) -> Pace:
        facts = leaving_facts(self._tools, of.mail, of.recipient, size=of.mail.size, retry=of.attempts, cause=of.cause)
        settings = self._settings
        return Pace(settings.retry.pick(facts), settings.notify_after.pick(facts), settings.expire_after.pick(facts))

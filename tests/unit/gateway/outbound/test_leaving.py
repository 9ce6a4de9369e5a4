"""gateway/outbound/leaving.py: all that rules may name when mail leaves is there, with its kind."""

import random

from cluster.clock import ManualClock
from cluster.rules import Tools
from gateway.facts import known_at
from gateway.outbound.leaving import leaving_facts
from tests.unit.gateway.outbound.test_choosing import MAIL


def test_the_facts_are_all_that_rules_may_name() -> None:
    tools = Tools(clock=ManualClock(), dice=random.Random(1))
    known = leaving_facts(tools, MAIL, 1, size=7, retry=2, cause="timeout")
    assert {name: type(value) for name, value in known.items()} == known_at("outbound")
    assert (known["recipient"], known["recipient_domain"], known["recipients"]) == ("V@X.test", "x.test", 2)
    assert (known["size"], known["retry"], known["cause"], known["priority"]) == (7, 2, "timeout", 2)
    assert known.tools is tools

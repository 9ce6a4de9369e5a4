"""What settings of outgoing mail are refused when they are loaded."""

from typing import Any

import pytest

from gateway.facts import AtOutbound
from gateway.outbound.settings import OutboundSettings, Route, Source

RELAY = Route(name="relay", host="relay.test", domains=("A.test", ".b.test"))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"route": (RELAY, Route(name="relay", host="x"))}, "route: 'relay' is taken"),
        ({"route": (Route(name="mx", host="x"),)}, "route: 'mx' is taken"),
        ({"route": (RELAY,), "routes": {"a.test": "relay"}}, "routes: 'a.test' has more than one"),
        ({"routes": {"a.test": "typo"}}, "routes: there is no route 'typo'"),
        ({"route": (RELAY,), "choose_route": AtOutbound.of("typo")}, "choose_route: there is no route 'typo'"),
        ({"source": (Source(address="::1"),), "choose_source": AtOutbound.of("typo")}, "there is no source 'typo'"),
    ],
)
def test_names_that_are_not_there(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        OutboundSettings(**settings)


def test_a_route_says_its_domains_itself_or_not() -> None:
    settings = OutboundSettings(route=(RELAY,), routes={"*": "relay", "C.test": "mx"})
    assert settings.rows == {"a.test": "relay", ".b.test": "relay", "*": "relay", "c.test": "mx"}
    assert OutboundSettings(choose_route=AtOutbound.of("mx")).rows == {}

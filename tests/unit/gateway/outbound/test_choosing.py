"""What rules choose for mail that leaves, and what they cost where there are none."""

import json
import random
from typing import Any

import pytest

from actors.queue.types import Envelope, Recipient
from cluster.clock import ManualClock
from cluster.config.loading import load
from cluster.errors import Misconfigured
from cluster.rules import Facts, Tools
from gateway.facts import known_at
from gateway.outbound.choosing import Chooser
from gateway.outbound.dial import Host, Nowhere, Plan
from gateway.outbound.settings import OutboundSettings
from gateway.outbound.tls import TlsPolicy

SOURCES = """
source = [
    { address = "192.0.2.1", name = "news", hello = "news.me.test" },
    { address = "2001:db8::1", name = "news" },
    { address = "192.0.2.2", name = "bulk" },
]
"""
PLAN = Plan(
    "x.test",
    (
        Host("a.test", 0, ("2001:db8::9", "192.0.2.9"), TlsPolicy()),
        Host("b.test", 1, ("192.0.2.8",), TlsPolicy()),
    ),
    25,
    key=("k",),
)
MAIL = Envelope("x.test", "News@me.test", (Recipient("u@x.test"), Recipient("V@X.test")), b"", 0, priority=2)


def chooser(text: str = "") -> Chooser:
    made = load(OutboundSettings, text + SOURCES, {})
    return Chooser(made, Tools(clock=ManualClock(), dice=random.Random(1)))


def facts(of: Chooser, **more: Any) -> Facts:
    known = of.facts(MAIL, 1, 1234, 3, "greylisted")
    known.update(more)
    return known


def rules(text: str, then: object, otherwise: object) -> str:
    """In TOML, whose texts and numbers are as JSON has them."""
    return f"[{{ if = {json.dumps(text)}, then = {json.dumps(then)} }}, {{ else = {json.dumps(otherwise)} }}]\n"


def test_the_facts_are_all_that_rules_may_name() -> None:
    known = facts(chooser())
    assert known.keys() == known_at("outbound").keys()
    assert {name: type(value) for name, value in known.items()} == known_at("outbound")
    assert (known["sender"], known["sender_domain"]) == ("News@me.test", "me.test")
    assert (known["recipient"], known["recipient_domain"]) == ("V@X.test", "x.test")
    assert (known["size"], known["priority"], known["recipients"]) == (1234, 2, 2)
    assert (known["retry"], known["cause"]) == (3, "greylisted")


def test_what_is_plain_is_known_before_any_mail() -> None:
    of = chooser(
        'choose_route = "mx"\ntls.level = "encrypt"\nhello = "h.test"\nchoose_source = "bulk"\n'
        "connections_per_destination_max = 7\n"
    )
    assert of.is_plain
    assert of.leaves_plainly
    assert of.plain == ("mx", "encrypt")
    dressed = of.dress_plainly(PLAN)
    assert isinstance(dressed, Plan)
    assert (dressed.key, dressed.connections_max) == (PLAN.key, 7)
    assert [host.addresses for host in dressed.hosts] == [("192.0.2.9",), ("192.0.2.8",)]
    for host in dressed.hosts:
        assert host.leaving.hello == "h.test"
        assert [one.address for one in host.leaving.sources] == ["192.0.2.2"]


def test_without_a_choice_any_source_will_do() -> None:
    dressed = chooser().dress_plainly(PLAN)
    assert isinstance(dressed, Plan)
    assert [host.addresses for host in dressed.hosts] == [host.addresses for host in PLAN.hosts]
    assert {len(host.leaving.sources) for host in dressed.hosts} == {3}


async def test_route_and_level_by_rule() -> None:
    of = chooser(
        'route = [{ name = "relay", host = "relay.test" }]\n'
        f"""choose_route = {rules("retry > 2 && cause == 'greylisted'", "relay", "")}"""
        f"""tls.level = {rules("route == 'relay'", "encrypt", "opportunistic")}"""
    )
    assert not of.is_plain
    assert of.leaves_plainly
    assert not of.by_recipient
    assert await of.route(facts(of)) == "relay"
    assert await of.route(facts(of, retry=0)) == ""
    assert await of.level(facts(of, route="relay")) == "encrypt"
    assert await of.level(facts(of)) == "opportunistic"


async def test_as_whom_we_come_by_host() -> None:
    of = chooser(
        f"""choose_source = {rules("mx == 'a.test'", "news", "192.0.2.2")}"""
        f"""hello = {rules("sender_domain == 'me.test'", "${mx}.to.test", "")}"""
        f"""connections_per_destination_max = {rules("mx == 'a.test'", 2, 20)}"""
    )
    assert of.dress_plainly(PLAN) is PLAN
    dressed = await of.dress(PLAN, facts(of))
    assert isinstance(dressed, Plan)
    assert dressed.connections_max == 2
    a, b = dressed.hosts
    assert (a.addresses, b.addresses) == (("2001:db8::9", "192.0.2.9"), ("192.0.2.8",))
    assert [one.address for one in a.leaving.sources] == ["192.0.2.1", "2001:db8::1"]
    assert [one.address for one in b.leaving.sources] == ["192.0.2.2"]
    assert (a.leaving.hello, b.leaving.hello) == ("a.test.to.test", "b.test.to.test")


async def test_what_differs_shares_nothing() -> None:
    of = chooser("choose_source = " + rules("recipient == 'u@x.test'", "news", "bulk"))
    assert of.by_recipient
    keys = set()
    for recipient in (0, 1, 0):
        dressed = await of.dress(PLAN, of.facts(MAIL, recipient, 1, 0, ""))
        assert isinstance(dressed, Plan)
        keys.add(dressed.key)
    assert len(keys) == 2


async def test_no_other_address_than_what_was_chosen() -> None:
    of = chooser("choose_source = " + rules("size > 1", "2001:db8::1", ""))
    dressed = await of.dress(PLAN, facts(of))
    assert isinstance(dressed, Plan)
    assert [(host.name, host.addresses) for host in dressed.hosts] == [("a.test", ("2001:db8::9",))]
    for chosen in ("${sender_domain}", "2001:db8::1"):
        of = chooser("choose_source = " + rules("size > 1", chosen, ""))
        nowhere = await of.dress(Plan("x.test", PLAN.hosts[1:], 25), facts(of))
        assert isinstance(nowhere, Nowhere)
        assert (nowhere.outcome, nowhere.status, nowhere.cause) == ("deferred", "4.3.5", "system")


@pytest.mark.parametrize(
    ("text", "key"),
    [("hello = " + rules("dkim == 'pass'", "x", "y"), "hello"), ("tls.level = " + rules("true", 2, 3), "tls.level")],
)
def test_rules_name_what_is_known_then(text: str, key: str) -> None:
    with pytest.raises(Misconfigured, match=key):
        chooser(text)

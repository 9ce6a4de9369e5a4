"""Where mail goes: MX, addresses, loops, routes; answers from a dictionary."""

import asyncio
import random
from typing import Any

import pytest
from msgspec.structs import replace

from cluster.clock import ManualClock
from cluster.dns.resolver import Answer
from gateway.outbound.dial import Demands, Dialer, Nowhere, Plan, candidates
from gateway.outbound.policysettings import Wish
from gateway.outbound.settings import OutboundSettings, Route, Source
from gateway.outbound.tls import TlsPolicy
from tests.unit.gateway.outbound.settled import settled


class Table:
    """Answers from a dictionary, and how often it was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked = 0

    async def ask(self, name: str, kind: str) -> Answer:
        self.asked += 1
        found = self.answers.get(f"{name} {kind}")
        if found is None:
            known = any(key.startswith(name + " ") for key in self.answers)
            return Answer("ok") if known else Answer("nxdomain")
        return found if isinstance(found, Answer) else Answer("ok", tuple(found), ttl_s=600)


LATER = Answer("tempfail", why="no server answers")
TWO = {
    "x.test MX": [(20, "b.test"), (10, "a.test")],
    "a.test A": ["192.0.2.1", "192.0.2.2"],
    "a.test AAAA": ["2001:db8::1"],
    "b.test A": ["192.0.2.3"],
}


class Where:
    """A dialer to ask."""

    def __init__(self, answers: dict[str, Any], *, level: Wish = "opportunistic", **settings: Any) -> None:
        self.table = Table(answers)
        self.clock = ManualClock()
        policies = settled(self.clock)
        self.level = level
        self.dialer = Dialer(OutboundSettings(**settings), "me.test", self.table, policies, self.clock, plans_max=3)

    def ask(
        self, domain: str, *, route: str = "", require_tls: bool = False, tls_optional: bool = False
    ) -> Plan | Nowhere:
        demands = Demands(route, require_tls, tls_optional, self.level)
        return asyncio.run(self.dialer.plan(domain, demands))


def hosts(found: Plan | Nowhere) -> list[tuple[str, tuple[str, ...]]]:
    assert isinstance(found, Plan), found
    return [(host.name, host.addresses) for host in found.hosts]


def test_mx_in_order_ipv6_first_in_turn() -> None:
    assert hosts(Where(TWO).ask("x.test")) == [
        ("a.test", ("2001:db8::1", "192.0.2.1", "192.0.2.2")),
        ("b.test", ("192.0.2.3",)),
    ]


def test_without_ipv6() -> None:
    assert hosts(Where(TWO, ipv6=False).ask("x.test"))[0] == ("a.test", ("192.0.2.1", "192.0.2.2"))


def test_no_mx_is_the_domain_itself() -> None:
    assert hosts(Where({"x.test A": ["192.0.2.1"]}).ask("x.test")) == [("x.test", ("192.0.2.1",))]


@pytest.mark.parametrize(
    ("answers", "outcome", "status", "cause"),
    [
        ({}, "failed", "5.1.2", "bad-domain"),
        ({"x.test MX": [(0, "")]}, "failed", "5.1.10", "bad-domain"),
        ({"x.test TXT": []}, "failed", "5.4.4", "dns"),
        ({"x.test MX": LATER}, "deferred", "4.4.3", "dns"),
        ({"x.test MX": [(1, "a.test")], "a.test A": LATER}, "deferred", "4.4.3", "dns"),
        ({"x.test MX": [(1, "a.test")]}, "failed", "5.4.4", "dns"),
        ({"x.test MX": [(1, "a.test")], "a.test A": ["127.0.0.1", "0.0.0.0", "224.0.0.1"]}, "failed", "5.4.4", "dns"),
        ({"x.test MX": [(1, "me.test")]}, "failed", "5.4.6", "loop"),
        ({"x.test MX": [(5, "b.test"), (1, "a.test")], "a.test A": ["192.0.2.99"], "b.test A": ["192.0.2.3"]},
         "failed", "5.4.6", "loop"),
    ],
)  # fmt: skip
def test_nowhere(answers: dict[str, Any], outcome: str, status: str, cause: str) -> None:
    found = Where(answers, own_addresses=("192.0.2.99",)).ask("x.test")
    assert isinstance(found, Nowhere)
    assert (found.outcome, found.status, found.cause) == (outcome, status, cause)


def test_hosts_preferred_to_us_are_used() -> None:
    answers = TWO | {"x.test MX": [(10, "a.test"), (15, "me.test"), (20, "b.test")]}
    assert [name for name, _ in hosts(Where(answers).ask("x.test"))] == ["a.test"]
    by_address = TWO | {"x.test MX": [(10, "b.test"), (15, "c.test"), (15, "a.test")], "c.test A": ["192.0.2.9"]}
    found = Where(by_address, source=(Source(address="192.0.2.9"),)).ask("x.test")
    assert [name for name, _ in hosts(found)] == ["b.test"]


def test_a_null_mx_beside_others_is_no_host() -> None:
    assert hosts(Where(TWO | {"x.test MX": [(0, ""), (9, "b.test")]}).ask("x.test")) == [("b.test", ("192.0.2.3",))]


def test_hosts_are_bounded() -> None:
    answers: dict[str, Any] = {"x.test MX": [(number, f"h{number}.test") for number in range(50)]}
    answers |= {f"h{number}.test A": [f"192.0.2.{number + 1}"] for number in range(50)}
    where = Where(answers, mx_max=4)
    assert [name for name, _ in hosts(where.ask("x.test"))] == ["h0.test", "h1.test", "h2.test", "h3.test"]


@pytest.mark.parametrize(
    ("domain", "address"),
    [("[192.0.2.7]", "192.0.2.7"), ("[IPv6:2001:db8::7]", "2001:db8::7"), ("[x]", ""), ("[1", "")],
)
def test_literals(domain: str, address: str) -> None:
    found = Where({}).ask(domain)
    if address:
        assert hosts(found) == [(address, (address,))]
    else:
        assert isinstance(found, Nowhere)
        assert found.status == "5.1.2"


def test_plans_are_kept_as_long_as_the_dns_allows() -> None:
    where = Where(TWO, plan_s=300)
    where.ask("x.test")
    asked = where.table.asked
    where.clock.advance(299)
    where.ask("x.test")
    assert where.table.asked == asked
    where.clock.advance(2)
    where.ask("x.test")
    assert where.table.asked > asked


def test_failures_are_not_kept_and_plans_are_bounded() -> None:
    where = Where({"x.test MX": LATER})
    where.ask("x.test")
    where.table.answers = TWO
    assert isinstance(where.ask("x.test"), Plan)
    for number in range(9):
        where.table.answers[f"d{number}.test A"] = ["192.0.2.1"]
        where.ask(f"d{number}.test")
    assert len(where.dialer._plans) <= 3


def test_the_same_hosts_are_the_same_destination() -> None:
    where = Where(TWO | {"y.test MX": [(5, "a.test"), (6, "b.test")], "z.test MX": [(5, "b.test"), (6, "a.test")]})
    keys = [found.key for name in "xyz" if isinstance(found := where.ask(f"{name}.test"), Plan)]
    assert keys[0] == keys[1] != keys[2]
    other = where.ask("x.test", require_tls=False, tls_optional=True)
    assert isinstance(other, Plan)
    assert other.key == keys[0]


def test_routes_by_domain() -> None:
    settings: dict[str, Any] = {
        "route": (
            Route(name="near", host="/run/lmtp", protocol="lmtp", domains=("here.test", ".here.test")),
            Route(name="relay", host="relay.test", port=587, tls="encrypt"),
            Route(name="gone", host="gone.test"),
        ),
        "routes": {"local.test": "near", ".Corp.test": "relay", "*": "gone", "own.test": "mx"},
    }
    where = Where({"relay.test A": ["192.0.2.5"], "own.test A": ["192.0.2.6"]}, **settings)
    assert hosts(where.ask("own.test")) == [("own.test", ("192.0.2.6",))]
    assert hosts(where.ask("own.test", route="relay")) == [("relay.test", ("192.0.2.5",))]
    near = where.ask("local.test")
    assert hosts(near) == [("/run/lmtp", ("/run/lmtp",))]
    assert isinstance(near, Plan)
    assert near.lmtp
    relay = where.ask("a.b.corp.test")
    assert isinstance(relay, Plan)
    assert (relay.port, relay.hosts[0].policy) == (587, TlsPolicy("encrypt"))
    for domain, route, status in (("corp.test", "", "4.4.4"), ("corp.test", "typo", "4.3.5")):
        nowhere = where.ask(domain, route=route)
        assert isinstance(nowhere, Nowhere)
        assert (nowhere.outcome, nowhere.status) == ("deferred", status)
    for domain in ("here.test", "a.here.test"):
        assert hosts(where.ask(domain)) == [("/run/lmtp", ("/run/lmtp",))]
    assert hosts(where.ask("else.test", route="near")) == [("/run/lmtp", ("/run/lmtp",))]


def test_what_is_the_same_for_all_is_added_once() -> None:
    where, dressed = Where(TWO), []

    def dress(plan: Plan) -> Plan | Nowhere:
        dressed.append(plan)
        return replace(plan, connections_max=3)

    where.dialer._dress = dress
    for _ in range(2):
        found = where.ask("x.test")
        assert isinstance(found, Plan)
        assert found.connections_max == 3
    assert len(dressed) == 1


def test_demands_on_tls() -> None:
    where = Where(TWO, level="encrypt")
    plain, optional = where.ask("x.test"), where.ask("x.test", tls_optional=True)
    assert isinstance(plain, Plan)
    assert isinstance(optional, Plan)
    assert plain.hosts[0].policy.level == "encrypt"
    assert optional.hosts[0].policy.level == "opportunistic"
    assert plain.key != optional.key
    refused = where.ask("x.test", require_tls=True)
    assert isinstance(refused, Nowhere)
    assert (refused.outcome, refused.status) == ("failed", "5.7.10")
    where.table.answers["s.test MX"] = Answer("ok", ((1, "a.test"),), secure=True, ttl_s=60)
    proven = where.ask("s.test", require_tls=True)
    assert isinstance(proven, Plan)
    assert proven.hosts[0].policy.level == "pkix"
    assert proven.require_tls


def test_equals_are_shuffled_and_candidates_bounded() -> None:
    where = Where(TWO | {"x.test MX": [(10, "a.test"), (10, "b.test"), (20, "c.test")], "c.test A": ["192.0.2.9"]})
    plan = where.ask("x.test")
    assert isinstance(plan, Plan)
    orders = {tuple(one.host.name for one in candidates(plan, random.Random(seed), 12)) for seed in range(20)}
    assert orders == {("a.test",) * 3 + ("b.test", "c.test"), ("b.test",) + ("a.test",) * 3 + ("c.test",)}
    assert len(candidates(plan, random.Random(1), 2)) == 2

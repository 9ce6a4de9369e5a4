"""Which throttles apply, what they say, and what is held while something lasts."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from actors.shell.client import Direct
from actors.throttle.client import ThrottleClient
from actors.throttle.state import Throttle
from cluster.config import load
from cluster.errors import Misconfigured, Unavailable
from cluster.rules import Facts, Tools
from gateway.throttles import Entry, Refusal, Throttles, parse_rate
from ops.settings import Settings
from tests.unit.actors.shell.site import Site

LEASE_S = 60.0
RULES = """
[[throttle]]
name = "per-ip"
at = "connect"
keys = ["remote_ip"]
concurrency = 1
[[throttle]]
name = "senders"
at = "mail"
match = 'authenticated == ""'
keys = ["sender_domain", "remote_ip"]
rate = "2/1h"
[[throttle]]
name = "strict"
at = "rcpt"
concurrency = 1
if_unavailable = "wait"
"""


class Counting(Direct):
    """Counts calls; is away when told."""

    calls = 0
    away = False

    async def call(self, kind: str, slot: int, body: bytes, *, timeout_s: float = 5.0) -> bytes:
        self.calls += 1
        if self.away:
            raise Unavailable("Away.")
        return await super().call(kind, slot, body, timeout_s=timeout_s)


class World:
    def __init__(self, site: Site, way: Counting, text: str = RULES) -> None:
        self.site, self.way = site, way
        self.registry = CollectorRegistry()
        settings = load(Settings, text, {}, name="r.toml").throttle
        self.throttles = Throttles(settings, ThrottleClient(way, LEASE_S), Numbers(), self.registry, lease_s=LEASE_S)

    def count(self, throttle: str, outcome: str) -> float:
        labels = {"throttle": throttle, "outcome": outcome}
        return self.registry.get_sample_value("rookery_throttle_entries_total", labels) or 0


class Numbers:
    """Dice that never give the same twice."""

    last = 0

    def getrandbits(self, k: int, /) -> int:
        return 0

    def randbytes(self, n: int, /) -> bytes:
        self.last += 1
        return self.last.to_bytes(n, "big")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    yield made
    await made.stop()


@pytest.fixture
async def world(site: Site) -> World:
    shard, _claims = await site.owner(Throttle())
    return World(site, Counting({"throttle": shard}))


def facts(**known: Any) -> Facts:
    return Facts(Tools(), **({"remote_ip": "192.0.2.1", "sender_domain": "a.example", "authenticated": ""} | known))


async def test_nothing_is_asked_where_nothing_applies(world: World) -> None:
    assert [world.throttles.has(at) for at in ("connect", "mail", "rcpt", "data", "outbound")] == [True] * 3 + [
        False
    ] * 2
    assert isinstance(await world.throttles.enter("data", facts()), Entry)
    entry = await world.throttles.enter("mail", facts(authenticated="bob"))
    assert isinstance(entry, Entry)
    await entry.leave()
    assert world.way.calls == 0


async def test_each_combination_of_keys_has_its_own_count(world: World) -> None:
    for _ in range(2):
        assert isinstance(await world.throttles.enter("mail", facts()), Entry)
    assert await world.throttles.enter("mail", facts()) == Refusal(3600.0, "senders")
    assert isinstance(await world.throttles.enter("mail", facts(sender_domain="b.example")), Entry)
    assert isinstance(await world.throttles.enter("mail", facts(remote_ip="192.0.2.2")), Entry)
    assert (world.count("senders", "pass"), world.count("senders", "wait")) == (4, 1)


async def test_a_place_is_held_until_it_is_left(world: World) -> None:
    entry = await world.throttles.enter("connect", facts())
    assert isinstance(await world.throttles.enter("connect", facts()), Refusal)
    assert isinstance(entry, Entry)
    await entry.leave()
    await entry.leave()
    assert isinstance(await world.throttles.enter("connect", facts()), Entry)


async def test_what_is_held_is_renewed_and_what_is_left_is_not(world: World) -> None:
    held, left = [await world.throttles.enter("connect", facts(remote_ip=ip)) for ip in ("192.0.2.1", "192.0.2.2")]
    assert isinstance(held, Entry)
    assert isinstance(left, Entry)
    await left.leave()
    calls = world.way.calls
    for turn in range(9):
        world.site.clock.advance(LEASE_S / 3)
        world.way.away = turn in (2, 3)  # one that cannot be asked for less than a lease loses nothing
        await world.throttles.renew()
    assert world.way.calls == calls + 9
    assert isinstance(await world.throttles.enter("connect", facts()), Refusal)


async def test_while_counts_cannot_be_reached_the_settings_decide(world: World) -> None:
    world.way.away = True
    assert isinstance(await world.throttles.enter("connect", facts()), Entry)
    assert await world.throttles.enter("rcpt", facts()) == Refusal(30.0, "strict")
    assert (world.count("per-ip", "unavailable"), world.count("strict", "unavailable")) == (1, 1)


async def test_a_match_that_fails_does_not_apply(world: World) -> None:
    known = facts()
    del known["authenticated"]
    assert isinstance(await world.throttles.enter("mail", known), Entry)
    assert (world.way.calls, known.tools.failures._value.get()) == (0, 1)


def test_rates() -> None:
    assert [parse_rate(text) for text in ("", "100/1h", "5/s", "1/31d")] == [
        (0, 0),
        (100, 3600),
        (5, 1),
        (1, 2_678_400),
    ]
    for text in ("100", "0/1h", "1/0h", "1/32d", "1/1w", "-1/1h", "1/1h ", "9999999999/1h"):
        with pytest.raises(Misconfigured, match="100/1h"):
            parse_rate(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('rate = "1/1h"\nkeys = ["recipient"]', ".keys: recipient is not known at mail; there are account, "),
        ('rate = "1/1h"\nkeys = ["sendr"]', ".keys: sendr is no fact; there are account, "),
        ('rate = "1/hour"', '.rate: write "100/1h", with s, m, h or d, up to 31d; found \'1/hour\'.'),
        ("", ': it limits nothing: give rate = "100/1h", or concurrency = 5.'),
        ('rate = "1/1h"\nmatch = "recipient == \'a\'"',
         ": the rule «recipient == 'a'» is wrong at character 1: there is no recipient here; did you mean "),
        ('rate = "1/1h"\nmatch = "sender"',
         ": the rule «sender» is wrong at character 1: it gives a text; it must give true or false"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text: str, says: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(Settings, f'[[throttle]]\nname = "a"\nat = "mail"\n{text}', {}, name="r.toml")
    assert caught.value.says.startswith(f"r.toml: throttle[0]{says}")


def test_names_are_used_once(site: Site) -> None:
    with pytest.raises(Misconfigured, match="two of the name per-ip"):
        World(site, Counting({}), RULES + '[[throttle]]\nname = "per-ip"\nat = "data"\nrate = "1/s"')


def test_a_match_names_only_lookups_there_are() -> None:
    text = '[[throttle]]\nname = "a"\nat = "mail"\nrate = "1/s"\nmatch = \'sender in list("vip")\''
    with pytest.raises(
        Misconfigured, match=r"throttle a: match: there is no lookup vip; write a table \[lookup\.vip\]"
    ):
        load(Settings, text, {})
    assert load(Settings, f'{text}\n[lookup.vip]\nkind = "inline"', {}).throttle[0].tables == {"vip"}

"""gateway/logins.py: what is counted for whom, who waits, and who must never have to."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from actors.throttle.client import ThrottleClient
from actors.throttle.memory import MemoryTallies
from actors.throttle.state import Throttle
from cluster.clock import ManualClock
from cluster.errors import Misconfigured, Unavailable
from gateway import logins as module
from gateway.logins import UNCOUNTED, CountedAttempt, CountedLogins, LoginSettings, Tallying, TooManyFailures
from tests.unit.actors.shell.site import Site

HOME = "192.0.2.1"
AWAY = "198.51.100.7"
ALICE = "alice@example.test"
PAUSE_S = 2.0
PER_NAME = 4
PER_NETWORK = 6
KNOWN = 5


class Some:
    """Gateways over one set of counts."""

    def __init__(self, clock: ManualClock, tallying: Tallying, **settings: Any) -> None:
        self.clock = clock
        self.tallying = tallying
        self.registry = CollectorRegistry()
        bounds = {"failures_per_name_max": PER_NAME, "failures_per_network_max": PER_NETWORK}
        self.settings = LoginSettings(**{**bounds, "failures_known_max": KNOWN} | settings)
        self.secrets = map(str, itertools.count())
        self._seeds = itertools.count()
        self.logins = self.gateway(self.registry)

    def gateway(self, registry: CollectorRegistry | None = None) -> CountedLogins:
        """One more, with dice of its own."""
        return CountedLogins(
            self.settings,
            self.tallying,
            self.clock,
            random.Random(next(self._seeds)),
            registry or CollectorRegistry(),
            default_domain="example.test",
        )

    async def fail(
        self, ip: str, name: str = ALICE, secret: str | None = None, *, by: CountedLogins | None = None
    ) -> float:
        """The pause; -1 for who is not looked at."""
        attempt = (by or self.logins).attempt(ip)
        try:
            await attempt.begin(name, next(self.secrets) if secret is None else secret)
        except TooManyFailures:
            return -1
        return await attempt.failed(PAUSE_S)

    async def log_in(self, ip: str, name: str = ALICE, *, by: CountedLogins | None = None) -> bool:
        """Whether the password was looked at, which is right."""
        attempt = (by or self.logins).attempt(ip)
        try:
            await attempt.begin(name, "right")
        except TooManyFailures:
            return False
        await attempt.succeeded(name)
        return True

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"rookery_{name}_total", labels) or 0


@pytest.fixture(params=["shard", "memory"])
async def some(request: pytest.FixtureRequest) -> AsyncIterator[Some]:
    """Over a shard, and over its twin."""
    if request.param == "memory":
        clock = ManualClock()
        yield Some(clock, MemoryTallies(clock))
        return
    site = Site()
    yield Some(site.clock, ThrottleClient(await site.calling(Throttle()), 60.0))
    await site.stop()


@pytest.fixture
def alone() -> Some:
    clock = ManualClock()
    return Some(clock, MemoryTallies(clock))


async def test_each_failure_is_answered_later_than_the_one_before(some: Some) -> None:
    pauses = [await some.fail(HOME, f"user{number}") for number in range(PER_NETWORK)]
    assert pauses == [2, 4, 8, 15, 15, 15]


async def test_a_network_that_fails_too_often_is_not_heard_until_the_window_is_over(some: Some) -> None:
    for number in range(PER_NETWORK):
        assert await some.fail(HOME, f"user{number}") > 0
    with pytest.raises(TooManyFailures) as refusal:
        await some.logins.attempt(HOME).begin("another", "password")
    assert refusal.value.says == "Too many failed logins; try again in 15 minutes"
    assert 899 <= refusal.value.wait_s <= 900
    assert not await some.log_in(HOME)
    assert await some.log_in(AWAY)
    assert some.count("logins_refused", limit="login network") == 2
    some.clock.advance(901)
    assert await some.fail(HOME, "another") == PAUSE_S


async def test_a_name_is_counted_wherever_it_is_tried_from_and_whatever_its_spelling(some: Some) -> None:
    spellings = ["alice", "Alice@EXAMPLE.test", '"alice"@example.test', ALICE]
    for number, name in enumerate(spellings):
        assert await some.fail(f"203.0.113.{number}", name) > 0
    assert await some.fail("203.0.113.99") == -1
    assert await some.fail("203.0.113.99", "bob") > 0
    assert some.count("logins_refused", limit="login name") == 1


async def test_a_name_nobody_has_is_answered_alike(some: Some) -> None:
    for at, name in enumerate((ALICE, "nobody@example.test", "no address", "x" * 5000)):
        answers = [await some.fail(f"203.0.{at}.{number}", name) for number in range(PER_NAME + 1)]
        assert answers == [2, 4, 8, 15, -1]


async def test_gateways_count_together(some: Some) -> None:
    other = some.gateway()
    for number in range(PER_NAME):
        assert await some.fail(f"203.0.113.{number}", by=(some.logins, other)[number % 2]) > 0
    assert await some.fail("203.0.113.99") == -1
    assert await some.fail("203.0.113.99", by=other) == -1


async def test_strangers_do_not_lock_a_name_out_where_it_has_logged_in(some: Some) -> None:
    assert await some.log_in(HOME)
    for number in range(PER_NAME + 1):
        await some.fail(f"203.0.113.{number}")
    assert not await some.log_in(AWAY)  # it never came from there: what it costs
    for by in (some.logins, some.gateway()):  # also a gateway that it did not log in by
        assert await some.log_in(HOME, by=by)
        assert await some.log_in(HOME, "Alice", by=by)


async def test_who_fails_behind_the_same_address_does_not_lock_others_out(some: Some) -> None:
    assert await some.log_in(HOME)
    for number in range(PER_NETWORK):
        await some.fail(HOME, f"user{number}")
    assert await some.fail(HOME, "bob") == -1
    for by in (some.logins, some.gateway()):
        assert await some.log_in(HOME, by=by)


async def test_a_known_pair_has_a_bound_of_its_own(some: Some) -> None:
    """Its owner's mistakes at home keep nobody out elsewhere, and guesses at home have an end."""
    assert await some.log_in(HOME)
    assert [await some.fail(HOME) for _ in range(KNOWN + 1)] == [2, 4, 8, 15, 15, -1]
    assert not await some.log_in(HOME)
    assert await some.log_in(HOME, "bob@example.test")
    assert await some.log_in(AWAY)
    some.clock.advance(901)
    assert await some.log_in(HOME)


async def test_who_has_an_account_gains_no_guesses_by_it(some: Some) -> None:
    for number in range(PER_NETWORK):
        assert await some.log_in(HOME, "eve@example.test")
        assert await some.fail(HOME, f"user{number}") > 0
    assert await some.fail(HOME, "another") == -1


async def test_after_a_month_an_address_is_not_known_any_more(some: Some) -> None:
    assert await some.log_in(HOME)
    for days, known in ((29, True), (29, True), (31, False)):  # each login counts anew
        some.clock.advance(days * 86_400)
        for number in range(PER_NAME):
            await some.fail(f"203.0.113.{number}")
        assert await some.log_in(HOME) is known


async def test_an_old_phone_with_an_old_password_locks_nobody_out(some: Some) -> None:
    assert [await some.fail(HOME, secret="old") for _ in range(20)] == [2, 4, 8, *[15] * 17]
    assert await some.fail(HOME, secret="older") == 4
    assert await some.fail(AWAY, secret="old") == 8  # another client's guess is a guess
    assert await some.fail(HOME, "bob", secret="old") == 8
    assert await some.log_in(HOME)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
async def test_a_client_is_its_ipv4_address_or_its_64(alone: Some, first: str, second: str, same: bool) -> None:
    for number in range(PER_NETWORK):
        await alone.fail(first, f"user{number}")
    assert (await alone.fail(second, "another") == -1) is same


async def test_a_webmail_server_is_no_client(alone: Some) -> None:
    for number in range(20):
        assert await alone.fail("127.0.0.1", f"user{number}") == PAUSE_S
    assert await alone.log_in("127.0.0.1")
    for number in range(PER_NAME):
        await alone.fail(f"203.0.113.{number}")
    assert await alone.log_in("127.0.0.1")


async def test_without_an_address_names_are_counted(alone: Some) -> None:
    assert [await alone.fail("", "user") for _ in range(5)] == [2, 4, 8, 15, -1]
    await alone.log_in("", "bob")
    assert await alone.fail("", "") == PAUSE_S


async def test_a_token_that_names_nobody_counts_for_its_network(alone: Some) -> None:
    for _ in range(PER_NETWORK):
        assert await alone.fail(HOME, "") > 0
    assert await alone.fail(HOME, "") == -1


async def test_what_was_not_tried_is_not_counted(alone: Some) -> None:
    attempt = alone.logins.attempt(HOME)
    assert await attempt.failed(PAUSE_S) == PAUSE_S
    for _ in range(20):  # exchanges given up, a directory that was away
        attempt = alone.logins.attempt(HOME)
        await attempt.begin(ALICE)
        attempt.close()
        attempt.close()
    assert await alone.fail(HOME) == PAUSE_S


async def test_limits_can_be_switched_off(alone: Some) -> None:
    never = {"failures_per_name_max": 0, "failures_per_network_max": 0, "failures_known_max": 0}
    free = Some(alone.clock, MemoryTallies(alone.clock), **never)
    assert [await free.fail(HOME) for _ in range(100)] == [PAUSE_S] * 100
    assert await free.log_in(HOME)
    assert [await free.fail(HOME) for _ in range(100)] == [PAUSE_S] * 100
    assert not free.logins._turns._taken


async def test_a_network_that_is_none_is_told() -> None:
    clock = ManualClock()
    with pytest.raises(Misconfigured, match="10"):
        Some(clock, MemoryTallies(clock), shared_networks=("10.0.0.1/8",))


async def test_while_the_counts_are_away_everybody_may_try(alone: Some) -> None:
    tallies = alone.tallying
    assert isinstance(tallies, MemoryTallies)
    tallies.trouble = Unavailable("Away.")
    for number in range(20):
        assert await alone.fail(HOME, f"user{number}") == PAUSE_S
    assert await alone.log_in(HOME)
    assert tallies.asked == 1  # and is left in peace for a while
    assert alone.count("login_counts_unreached") == 63
    tallies.trouble = None
    alone.clock.advance(alone.settings.window_s + 1)
    assert await alone.log_in(HOME)
    assert await alone.log_in(HOME, by=alone.gateway())  # what could not be told is told by now
    assert [await alone.fail(AWAY) for _ in range(5)] == [2, 4, 8, 15, -1]


async def test_counts_that_do_not_answer_keep_nobody(alone: Some, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_S", 0.001)

    class Silent:
        async def tally(self, limits: object, ident: bytes = b"", *, timeout_s: float = 0.0) -> list[Any]:
            await asyncio.Event().wait()
            return []

    silent = Some(alone.clock, Silent())
    assert await silent.log_in(HOME)
    assert silent.count("login_counts_unreached") > 0


async def test_a_login_as_always_asks_nobody(alone: Some) -> None:
    tallies = alone.tallying
    assert isinstance(tallies, MemoryTallies)
    assert await alone.log_in(HOME)
    asked = tallies.asked
    for _ in range(10):
        assert await alone.log_in(HOME)
    assert tallies.asked == asked


async def test_attempts_side_by_side_are_no_way_around(alone: Some) -> None:
    """However many connections guess at once: at most twice the limit is looked at."""
    looked, most = 0, 0
    running = 0

    async def guess(number: int, ip: str) -> None:
        nonlocal looked, most, running
        attempt = alone.logins.attempt(ip)
        try:
            await attempt.begin(ALICE, str(number))
        except TooManyFailures:
            return
        looked, running = looked + 1, running + 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1
        await attempt.failed(PAUSE_S)

    await asyncio.gather(*(guess(number, f"203.0.113.{number}") for number in range(200)))
    assert most <= PER_NAME
    assert looked < 2 * PER_NAME
    looked = most = 0
    await alone.log_in(HOME)
    await asyncio.gather(*(guess(number, HOME) for number in range(200)))
    assert most <= KNOWN
    assert looked < 2 * KNOWN
    assert not alone.logins._turns._taken


async def test_a_crowd_behind_one_address_logs_in_one_after_the_other(alone: Some) -> None:
    async def come(number: int) -> bool:
        attempt = alone.logins.attempt(HOME)
        await attempt.begin(f"user{number}", "right")
        await asyncio.sleep(0)
        await attempt.succeeded(f"user{number}")
        return True

    assert all(await asyncio.gather(*(come(number) for number in range(100))))


async def test_who_holds_turns_and_does_nothing_keeps_others_a_while_only(
    alone: Some, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TURN_S", 0.001)
    holding: list[CountedAttempt] = []
    for number in range(PER_NAME):
        holding.append(alone.logins.attempt(f"203.0.113.{number}"))
        await holding[-1].begin(ALICE)
    assert not await alone.log_in(AWAY)
    holding[0].close()
    assert await alone.log_in(AWAY)
    for attempt in holding:
        attempt.close()
    assert not alone.logins._turns._taken


async def test_who_leaves_while_waiting_holds_nothing(alone: Some) -> None:
    holding = [alone.logins.attempt(f"203.0.113.{number}") for number in range(PER_NAME)]
    for attempt in holding:
        await attempt.begin(ALICE)
    waiting = asyncio.create_task(alone.logins.attempt(HOME).begin(ALICE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    for attempt in holding:
        attempt.close()
    assert not alone.logins._turns._taken


async def test_what_a_gateway_remembers_is_bounded(alone: Some, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_MAX", 10)
    for number in range(50):
        name = f"user{number}"
        await alone.log_in(HOME, name)
        await alone.fail(HOME, name)
    for kept in (alone.logins._known, alone.logins._failing, alone.logins._wrong):
        assert len(kept._until) == 10
    assert await alone.log_in(HOME, "user0")


async def test_no_secret_is_kept(alone: Some) -> None:
    await alone.fail(HOME, secret="hush-hush")
    kept = repr([vars(one) for one in (alone.logins, *vars(alone.logins).values()) if hasattr(one, "__dict__")])
    assert "hush" not in kept


async def test_uncounted_logins_are_free() -> None:
    attempt = UNCOUNTED.attempt(HOME)
    await attempt.begin("name", "secret")
    assert await attempt.failed(3.0) == 3.0
    await attempt.succeeded("name")
    attempt.close()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "a minute"), (61, "a minute"), (200, "3 minutes"), (7300, "2 hours")]
)
def test_how_long_is_said_in_words(seconds: float, words: str) -> None:
    assert str(TooManyFailures(seconds, log="x").says).endswith(f"in {words}")


async def test_no_throttle_of_the_settings_has_a_name_of_ours(alone: Some) -> None:
    """They have no space (gateway/throttles.py), so an operator's counts are never mixed with these."""
    await alone.log_in(HOME)
    await alone.fail(HOME)
    await alone.fail(AWAY)
    tallies = alone.tallying
    assert isinstance(tallies, MemoryTallies)
    assert {name for name, _key in tallies._units} == {"login success", "known login", "login network", "login name"}

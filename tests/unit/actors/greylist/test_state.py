"""actors/greylist/state.py in a shard: who waits, who passes, who is forgotten."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.greylist import keys
from actors.greylist.client import GreylistClient
from actors.greylist.state import Greylist, GreylistSettings
from actors.greylist.types import Check, Verdict
from actors.shell.kind import encode
from cluster.errors import Refused
from tests.unit.actors.shell.site import Site

DELAY_S, WINDOW_S, LIFETIME_S = 300, 3600, 86_400
KIND = Greylist(GreylistSettings(delay_s=DELAY_S, window_s=WINDOW_S, lifetime_s=LIFETIME_S))
WHO = ("192.0.2.0/24", "a@example.org", "b@example.net")


@pytest.fixture
async def client(site: Site) -> GreylistClient:
    return GreylistClient(await site.calling(KIND))


async def test_who_comes_again_in_time_passes(site: Site, client: GreylistClient) -> None:
    assert await client.check(*WHO) == Verdict("wait", DELAY_S)
    site.clock.advance(DELAY_S - 0.5)
    assert await client.check(*WHO) == Verdict("wait", 1)
    site.clock.advance(0.5)
    assert await client.check(WHO[0], WHO[1].upper(), WHO[2]) == Verdict("pass")
    assert await client.check("198.51.100.0/24", *WHO[1:]) == Verdict("wait", DELAY_S)


async def test_who_comes_too_late_is_new(site: Site, client: GreylistClient) -> None:
    await client.check(*WHO)
    site.clock.advance(WINDOW_S)
    assert await client.check(*WHO) == Verdict("wait", DELAY_S)


async def test_who_passed_is_known_while_seen(site: Site, client: GreylistClient) -> None:
    await client.check(*WHO)
    site.clock.advance(DELAY_S)
    for _ in range(3):
        assert await client.check(*WHO) == Verdict("pass")
        site.clock.advance(LIFETIME_S - 1)
        await site.shards[0].sweep()
    assert await client.check(*WHO) == Verdict("pass")
    site.clock.advance(LIFETIME_S)
    await site.shards[0].sweep()
    assert await site.rows(b"w") == []
    assert await client.check(*WHO) == Verdict("wait", DELAY_S)


async def test_without_delay_all_pass(site: Site) -> None:
    client = GreylistClient(await site.calling(Greylist(GreylistSettings(delay_s=0))))
    assert await client.check(*WHO) == Verdict("pass")


async def test_a_delay_beyond_the_window_shuts_nobody_out(site: Site) -> None:
    client = GreylistClient(await site.calling(Greylist(GreylistSettings(delay_s=600, window_s=60))))
    await client.check(*WHO)
    site.clock.advance(600)
    assert await client.check(*WHO) == Verdict("pass")


@pytest.mark.parametrize("body", [b"", b"\xc1", encode(Check(b"short")), encode(Check(keys.triplet("a", "b", "d")))])
async def test_what_is_wrong_is_refused(site: Site, body: bytes) -> None:
    with pytest.raises(Refused):
        await (await site.calling(KIND)).call("greylist", keys.slot_of(keys.triplet("a", "b", "c")), body)


class Model:
    """The rule in other words: the whole history of one triplet."""

    def __init__(self) -> None:
        self.attempts: list[float] = []
        self.known_until = -1.0

    def check(self, now: float) -> bool:
        if now < self.known_until:
            self.known_until = now + LIFETIME_S
            return True
        if not self.attempts or now >= self.attempts[0] + WINDOW_S or self.known_until >= 0:
            self.attempts, self.known_until = [now], -1.0
        self.attempts.append(now)
        if now >= self.attempts[0] + DELAY_S:
            self.known_until = now + LIFETIME_S
            return True
        return False


waits = st.sampled_from([0, 1, DELAY_S - 1, DELAY_S, WINDOW_S - 1, WINDOW_S, LIFETIME_S - 1, LIFETIME_S])
script = st.lists(st.one_of(st.tuples(st.integers(0, 2), waits), st.sampled_from(["new owner", "sweep"])), max_size=25)


@given(script)
def test_it_judges_as_the_model_does(steps: list[tuple[int, int] | str]) -> None:
    asyncio.run(_follow(steps))


async def _follow(steps: list[tuple[int, int] | str]) -> None:
    site = Site()
    models = [Model() for _ in range(3)]
    client = GreylistClient(await site.calling(KIND))
    for step in steps:
        if isinstance(step, tuple):
            number, wait_s = step
            site.clock.advance(wait_s)
            passed = (await client.check("net", "from", str(number))).verdict == "pass"
            assert passed == models[number].check(site.clock.monotonic())
        elif step == "sweep":
            await site.sweep(keys.slot_of(keys.triplet("net", "from", str(n))) for n in range(3))
        else:
            client = GreylistClient(await site.calling(KIND))
    await site.stop()

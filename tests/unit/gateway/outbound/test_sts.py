"""Which MTA-STS policy holds: RFC 8461 §3.3, §5."""

import asyncio

import pytest

from actors.policies.client import PolicyClient
from cluster.clock import ManualClock
from cluster.dns.memory import MemoryResolver
from cluster.errors import Unavailable
from cluster.meta.memory import MemoryStore
from gateway.outbound.fetch import FetchError
from gateway.outbound.policysettings import TlsSettings
from gateway.outbound.sts import Found, StsPolicies
from mail.trust.mtasts import Policy, render

POLICY = Policy("enforce", ("mx.example.test",), 604_800)
OTHER = Policy("testing", ("*.example.test",), 604_800)
DAY_S = 86_400


class World:
    """A domain that may change its mind, and who asks it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore()
        self.settings = TlsSettings(sts_check_s=60, sts_refresh_s=DAY_S, sts_retry_s=300)
        self.fetched: list[str] = []
        self.answer: Policy | bytes | FetchError = POLICY
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.restart()
        self.publish("v=STSv1; id=one")

    def restart(self) -> None:
        """Another process, that knows what is in the store."""
        self.resolver = MemoryResolver({})
        policies = PolicyClient(self.store, self.clock)
        self.sts = StsPolicies(self.resolver, policies, self.fetch, self.clock, self.settings)

    def publish(self, record: str, *, failing: bool = False) -> None:
        zones = {"_mta-sts.example.test": {"TXT": [record]}} if record else {}
        self.resolver = MemoryResolver(zones, failing=["_mta-sts.example.test"] if failing else [])
        self.sts._resolver = self.resolver

    async def fetch(self, domain: str) -> bytes:
        self.fetched.append(domain)
        await self.may_answer.wait()
        if isinstance(self.answer, FetchError):
            raise self.answer
        return self.answer if isinstance(self.answer, bytes) else render(self.answer)

    async def find(self, after_s: float = 0) -> Found:
        self.clock.advance(after_s)
        return await self.sts.find("Example.test")


@pytest.fixture
def world() -> World:
    return World()


async def test_a_policy_is_fetched_once_and_kept(world: World) -> None:
    assert await world.find() == Found(POLICY)
    assert await world.find() == Found(POLICY)
    assert world.fetched == ["example.test"]
    assert world.resolver.asked == {("_mta-sts.example.test", "TXT"): 1}
    assert await world.find(after_s=61) == Found(POLICY)
    assert world.resolver.asked == {("_mta-sts.example.test", "TXT"): 2}
    assert world.fetched == ["example.test"]


async def test_it_outlives_the_process(world: World) -> None:
    await world.find()
    world.restart()
    world.publish("v=STSv1; id=one")
    assert await world.find() == Found(POLICY)
    assert len(world.fetched) == 1


async def test_another_id_means_another_policy(world: World) -> None:
    await world.find()
    world.publish("v=STSv1; id=two")
    world.answer = OTHER
    assert await world.find(after_s=61) == Found(OTHER)


@pytest.mark.parametrize("record", ["", "v=STSv1; id=", "v=spf1"])
async def test_a_record_that_is_gone_does_not_end_a_policy(world: World, record: str) -> None:
    await world.find()
    world.publish(record)
    assert await world.find(after_s=DAY_S * 6) == Found(POLICY)
    assert await world.find(after_s=DAY_S) == Found()
    assert len(world.fetched) == 1


async def test_nor_does_a_resolver_that_fails(world: World) -> None:
    await world.find()
    world.publish("", failing=True)
    assert await world.find(after_s=61) == Found(POLICY)


async def test_without_a_record_nothing_is_fetched(world: World) -> None:
    world.publish("")
    assert await world.find() == Found()
    assert world.fetched == []


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (FetchError("sts-webpki-invalid", "expired"), "sts-webpki-invalid"),
        (FetchError("sts-policy-fetch-error", "HTTP status 404"), "sts-policy-fetch-error"),
        (b"<html>", "sts-policy-invalid"),
    ],
)
async def test_a_fetch_that_fails_leaves_what_was(world: World, answer: bytes | FetchError, failure: str) -> None:
    await world.find()
    world.publish("v=STSv1; id=two")
    world.answer = answer
    found = await world.find(after_s=61)
    assert (found.policy, found.failure) == (POLICY, failure)
    assert found.why
    assert (await world.find(after_s=DAY_S * 7)).policy is None


async def test_a_fetch_that_failed_is_tried_again_later(world: World) -> None:
    world.answer = FetchError("sts-policy-fetch-error", "HTTP status 500")
    for after_s in (0, 61, 200):
        found = await world.find(after_s)
        assert (found.policy, found.failure) == (None, "sts-policy-fetch-error")
    assert len(world.fetched) == 1
    world.answer = POLICY
    assert await world.find(after_s=70) == Found(POLICY)
    assert len(world.fetched) == 2


async def test_another_id_is_tried_at_once(world: World) -> None:
    world.answer = FetchError("sts-policy-fetch-error", "HTTP status 500")
    await world.find()
    world.publish("v=STSv1; id=two")
    world.answer = POLICY
    assert await world.find(after_s=61) == Found(POLICY)


async def test_an_old_policy_is_fetched_anew_in_time(world: World) -> None:
    await world.find()
    assert await world.find(after_s=DAY_S + 61) == Found(POLICY)
    assert len(world.fetched) == 2
    assert await world.find(after_s=DAY_S * 6) == Found(POLICY)  # for it holds from the second time on
    assert len(world.fetched) == 3


async def test_who_asks_at_the_same_time_shares_a_fetch(world: World) -> None:
    world.may_answer.clear()
    asking = [asyncio.create_task(world.find()) for _ in range(10)]
    while not world.fetched:
        await asyncio.sleep(0)
    asking[0].cancel()
    world.may_answer.set()
    assert [await task for task in asking[1:]] == [Found(POLICY)] * 9
    assert len(world.fetched) == 1


async def test_a_store_that_fails_stops_nothing(world: World) -> None:
    await world.store.close()
    with pytest.raises(Unavailable):
        await world.store.get(b"p")
    assert await world.find() == Found(POLICY)


async def test_closing_gives_up_fetches(world: World) -> None:
    world.may_answer.clear()
    asking = asyncio.create_task(world.find())
    while not world.fetched:
        await asyncio.sleep(0)
    await world.sts.close()
    with pytest.raises(asyncio.CancelledError):
        await asking

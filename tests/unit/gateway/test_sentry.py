"""Streams end with what they were asked with; what that costs does not grow with how many they are."""

import asyncio

from actors.directory.types import Principal
from cluster.clock import ManualClock
from cluster.errors import Unavailable
from gateway.sentry import TOGETHER, Sentry

ALICE = Principal(1, "alice", "password:1")
TOKEN = Principal(1, "alice", "grant:2", until_ms=5_000)


class Guarded:
    """Streams, and what was asked about them."""

    def __init__(self) -> None:
        self.clock = ManualClock(0)
        self.good = {"password:1", "grant:2"}
        self.asked: list[str] = []
        self.away = False
        self.ended: list[str] = []
        self.sentry = Sentry(self.stands, self.clock, look_s=0)

    async def stands(self, account: int, credential: str) -> bool:
        self.asked.append(credential)
        if self.away:
            raise Unavailable("Not now.")
        return credential in self.good

    async def round(self) -> None:
        before = len(self.asked)
        while len(self.asked) < before + 2:
            await asyncio.sleep(0)


async def test_one_ends_when_its_credential_does() -> None:
    world = Guarded()
    with (
        world.sentry.over(ALICE, lambda: world.ended.append("a")),
        world.sentry.over(ALICE, lambda: world.ended.append("b")),
        world.sentry.over(TOKEN, lambda: world.ended.append("token")),
    ):
        await world.round()
        await world.round()
        assert set(world.asked[:2]) == {"password:1", "grant:2"}  # one question for two streams
        assert not world.ended
        world.good.discard("password:1")
        world.away = True
        await world.round()
        assert not world.ended
        world.away = False
        await world.round()
        await world.round()
        assert world.ended == ["a", "b"]


async def test_a_token_ends_by_itself() -> None:
    world = Guarded()
    with (
        world.sentry.over(ALICE, lambda: world.ended.append("a")),
        world.sentry.over(TOKEN, lambda: world.ended.append("token")),
    ):
        world.clock.advance(10_000)
        await world.round()
        await world.round()
        assert world.ended == ["token"]


async def test_others_are_not_kept_waiting_by_a_round() -> None:
    world = Guarded()
    for number in range(3 * TOGETHER):
        world.sentry.hold(Principal(number, "x", "password:1"), lambda: None)
    seen = set()
    while len(world.asked) < 3 * TOGETHER:
        await asyncio.sleep(0)
        seen.add(len(world.asked))
    assert {TOGETHER, 2 * TOGETHER} <= seen


async def test_nothing_is_asked_when_nothing_is_open() -> None:
    world = Guarded()
    with world.sentry.over(ALICE, lambda: world.ended.append("a")):
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(world.asked) <= 1
    assert len(asyncio.all_tasks()) == 1
    assert not world.ended

"""Going in under several limits: the order in which slots are asked, and what is undone when a call fails."""

import asyncio

import pytest

from actors.shell.client import Direct
from actors.throttle import keys
from actors.throttle.client import Admitted, Limit, ThrottleClient, Wait
from actors.throttle.state import Throttle
from cluster.errors import Unavailable
from tests.unit.actors.shell.site import Site

ONE = b"1" * 16
TWO = b"2" * 16
FEW = sorted(
    (Limit(f"few{number}", "", concurrency=1, rate=1, per_s=60) for number in range(4)),
    key=lambda limit: keys.slot_of(keys.unit_of(limit.name, limit.key)),
)


class Watched(Direct):
    """Notes the slots asked; fails or hangs after so many calls were carried out."""

    asked: list[int]
    fails_after = hangs_after = 99

    async def call(self, kind: str, slot: int, body: bytes, *, timeout_s: float = 5.0) -> bytes:
        self.asked.append(slot)
        answer = await super().call(kind, slot, body, timeout_s=timeout_s)
        if len(self.asked) == self.fails_after:
            raise Unavailable("Lost.")
        if len(self.asked) == self.hangs_after:
            await asyncio.Event().wait()
        return answer


@pytest.fixture
async def way(site: Site) -> Watched:
    shard, _claims = await site.owner(Throttle())
    way = Watched({"throttle": shard})
    way.asked = []
    return way


async def test_slots_are_asked_in_their_order(way: Watched) -> None:
    client = ThrottleClient(way, 60)
    assert isinstance(await client.enter(FEW[::-1], ONE), Admitted)
    assert way.asked == sorted(way.asked)
    assert len(way.asked) == 4
    way.asked.clear()
    assert await client.enter(FEW, TWO) == Wait(60.0, FEW[0])
    assert len(way.asked) == 1  # at the first that refuses there is nothing to undo


async def test_what_was_entered_before_trouble_is_left(way: Watched) -> None:
    client = ThrottleClient(way, 60)
    way.fails_after = 3
    with pytest.raises(Unavailable):
        await client.enter(FEW, ONE)
    await client.close()
    assert isinstance(await client.enter(FEW, TWO), Admitted)


async def test_what_was_entered_by_who_has_gone_is_left(way: Watched) -> None:
    client = ThrottleClient(way, 60)
    way.hangs_after = 3
    entering = asyncio.create_task(client.enter(FEW, ONE))
    while len(way.asked) < 3:
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    await client.close()
    assert isinstance(await client.enter(FEW, TWO), Admitted)


async def test_the_same_limit_twice_is_one(way: Watched) -> None:
    client = ThrottleClient(way, 60)
    assert await client.enter([FEW[0], FEW[0]], ONE) == Admitted(ONE, (FEW[0],))


async def test_nothing_asked_is_nothing_done(way: Watched) -> None:
    assert await ThrottleClient(way, 60).enter([], ONE) == Admitted(ONE, ())
    assert way.asked == []

"""Mail of the queue for ourselves: stored once, whatever happens between."""

from typing import Any

from actors.directory.types import Local, NotLocal, Resolution, Target, Unknown, Why
from actors.queue.types import Envelope, Recipient, Result
from cluster.errors import NotFound, OverQuota, Refused, TooLarge, Trouble, Unavailable
from gateway.outbound.local import Locally

DIRECTORY: dict[str, Resolution] = {
    "a@x.test": Local((Target(1, "a@x.test"),)),
    "list@x.test": Local((Target(1, "a@x.test"), Target(2, "b@x.test")), "", (), ("c@far.test",)),
    "away@x.test": Local((), "", (), ("c@far.test",)),
    "nobody@x.test": Unknown(Why.NO_SUCH_ADDRESS),
    "c@far.test": NotLocal("far.test"),
}


class World:
    """Everything the courier asks of others."""

    def __init__(self) -> None:
        self.stored: list[tuple[int, bytes, bytes]] = []
        self.troubles: dict[int, Trouble] = {}
        self.forwarded: list[tuple[str, ...]] = []
        self.sent: list[tuple[tuple[int, ...], str, bool]] = []
        self.away = False
        self.courier = Locally(self, self, self, self)

    async def resolve(self, address: str, *, loosely: bool = False) -> Resolution:
        if self.away:
            raise Unavailable("away")
        return DIRECTORY[address]

    async def prepare(self, raw: bytes) -> bytes:
        if 0 in self.troubles:
            raise self.troubles[0]
        return raw

    async def deliver(self, account: int, prepared: bytes, *, idem: bytes) -> None:
        if account in self.troubles:
            raise self.troubles[account]
        self.stored.append((account, prepared, idem))

    async def forward(self, mail: Envelope, recipient: Recipient, addresses: tuple[str, ...], body: bytes) -> None:
        self.forwarded.append(addresses)

    async def send(
        self,
        mail: Envelope,
        recipients: tuple[int, ...],
        body: bytes,
        *,
        route: str = "",
        retry: int = 0,
        cause: str = "",
        forced: bool = False,
    ) -> tuple[Result, ...]:
        self.sent.append((recipients, route, forced))
        return (Result("delivered"),) * len(recipients)


def mail(*addresses: str) -> Envelope:
    return Envelope("x.test", "s@y.test", tuple(map(Recipient, addresses)), b"", 0, ident="c1.1")


async def send(world: World, *addresses: str, **more: Any) -> list[str]:
    many = tuple(range(len(addresses)))
    results = await world.courier.send(mail(*addresses), many, b"body", **more)
    return [f"{one.outcome} {one.code}" for one in results]


async def test_each_is_stored_or_told_why_not() -> None:
    world = World()
    assert await send(world, "a@x.test", "nobody@x.test", "list@x.test") == [
        "delivered 250", "failed 550", "delivered 250",
    ]  # fmt: skip
    assert [account for account, _, _ in world.stored] == [1, 1, 2]
    assert world.stored[0][1:] == (b"Return-Path: <s@y.test>\r\nbody", b"c1.1/q")
    assert world.forwarded == [("c@far.test",)]
    assert world.sent == []


async def test_what_is_not_ours_and_what_has_a_route_goes_out() -> None:
    world = World()
    await send(world, "c@far.test")
    await send(world, "a@x.test", route="elsewhere", forced=True)
    await send(world, "c@far.test", forced=True)
    assert world.sent == [((0,), "", False), ((0,), "elsewhere", True), ((0,), "", True)]
    assert world.stored == []


async def test_troubles_become_results() -> None:
    for trouble, result in (
        (OverQuota("x"), "deferred 452"),
        (NotFound("x"), "failed 550"),
        (TooLarge("x"), "failed 552"),
        (Refused("x"), "failed 550"),
        (Unavailable("x"), "deferred 451"),
    ):
        for place in (0, 1):
            world = World()
            world.troubles[place] = trouble
            assert await send(world, "a@x.test") == [result]
    world = World()
    world.away = True
    assert await send(world, "a@x.test") == ["deferred 451"]


async def test_one_who_is_full_does_not_keep_it_from_the_others() -> None:
    world = World()
    world.troubles[1] = OverQuota("x")
    assert await send(world, "list@x.test") == ["deferred 452"]
    assert [account for account, _, _ in world.stored] == [2]
    assert world.forwarded == [("c@far.test",)]


async def test_one_who_is_gone_does_not_make_final_what_is_not() -> None:
    world = World()
    world.troubles |= {1: NotFound("x"), 2: Unavailable("x")}
    assert await send(world, "list@x.test") == ["deferred 451"]


async def test_only_what_is_stored_here_is_told_of_by_us() -> None:
    world = World()
    results = await world.courier.send(mail("a@x.test", "list@x.test", "away@x.test"), (0, 1, 2), b"body")
    assert [result.stored for result in results] == [True, True, False]

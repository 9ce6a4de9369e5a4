"""A small shard as its process has it: what it released is not taken up again by the next call."""

import asyncio
import random
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from actors.greylist.client import GreylistClient
from actors.greylist.keys import slot_of, triplet
from actors.queue.client import QueueClient
from actors.queue.state import Queue
from actors.queue.types import Envelope, Recipient, Result
from actors.shell.client import Direct
from actors.shell.metrics import ShellMetrics
from actors.shell.shard import Shard as ShellShard
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
from cluster.blobs.memory import MemoryBlobs
from cluster.clock import ManualClock
from cluster.errors import Moved
from cluster.membership.members import Layout, Member
from cluster.membership.memory import MemoryRegistryServer
from cluster.membership.registry import Entry, Update
from cluster.meta.memory import MemoryStore
from cluster.placement.claims import Alone, next_incarnation
from cluster.placement.holding import RELEASE_HOLD_S, Holding
from cluster.placement.slotmap import PAGE_SLOTS, Assignment, encode_page
from cluster.placement.watching import Watching
from ops.core import Core
from ops.delivery import Hands
from ops.roles.shard import KINDS, kinds
from ops.settings import Settings

LAYOUT = Layout("test")
ME = Member("greylist-a-1", "greylist", "a", incarnation=7)
WHO = ("192.0.2.0/24", "a@example.org", "b@example.net")


class Here:
    """Announced for ever."""

    member = ME
    until = float("inf")
    revision = 0


def give(watching: Watching, epoch: int) -> None:
    """All slots are this shard's."""
    page = Entry(encode_page(0, (Assignment(ME.name, epoch),) * PAGE_SLOTS), 1, epoch)
    watching.known.apply(Update(epoch, {LAYOUT.page("greylist", number): page for number in range(16)}))


async def test_what_was_released_is_not_taken_up_again_by_the_next_call() -> None:
    clock = ManualClock()
    watching = Watching(MemoryRegistryServer().connect(clock), LAYOUT)
    give(watching, 1)
    ground = SimpleNamespace(
        settings=Settings(), store=MemoryStore(), clock=clock, incarnation=7, metrics=CollectorRegistry()
    )
    async with AsyncExitStack() as stack:
        made = await KINDS["greylist"](stack, cast("Any", ground), Holding(watching, Here(), clock))
        client = GreylistClient(Direct({"greylist": made.service}))
        slot = slot_of(triplet(*WHO))
        await client.check(*WHO)
        await made.release(slot)
        with pytest.raises(Moved):
            await client.check(*WHO)
        clock.advance(RELEASE_HOLD_S)
        await client.check(*WHO)
        await made.release(slot)
        give(watching, 2)
        await client.check(*WHO)


class Courier:
    """Takes everything."""

    def __init__(self) -> None:
        self.sent: list[str] = []

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
        self.sent.append(mail.domain)
        return (Result("delivered", 250),) * len(recipients)


async def test_a_queue_shard_sends_what_its_slots_have_and_what_comes_to_it_later() -> None:
    clock, store, courier = ManualClock(), MemoryStore(), Courier()
    blobs = MemoryBlobs(clock=clock)
    mail = Envelope("a.example", "", (Recipient("b@a.example"),), digest_of(b"x"), 1)
    before = ShellShard(
        Queue(), store, clock, Alone(), await next_incarnation(store), ShellMetrics(CollectorRegistry())
    )
    before.start()
    entry = await QueueClient(Direct({"queue": before}), store, blobs).enqueue(mail, b"1", pack(b"x"))
    await before.stop()

    async def hands(_stack: AsyncExitStack, _core: Core, _settings: Settings) -> Hands:
        return Hands(courier)

    me = Member("queue-a-1", "queue", "a", incarnation=7)
    registry = MemoryRegistryServer().connect(clock)
    watching = Watching(registry, LAYOUT)
    ground = SimpleNamespace(
        settings=Settings(), store=store, blobs=blobs, packs=None, clock=clock, dice=random.Random(1), incarnation=7,
        metrics=CollectorRegistry(), watching=watching, dialer=None, ready=lambda: True, registry=registry,
        layout=LAYOUT,
    )  # fmt: skip
    announced = SimpleNamespace(member=me, until=float("inf"), revision=0)
    async with AsyncExitStack() as stack:
        made = await kinds(hands)["queue"](stack, cast("Any", ground), Holding(watching, announced, clock))
        await asyncio.sleep(0.05)
        assert (courier.sent, made.alive()) == ([], True), "it has no slots yet"
        page = Entry(encode_page(0, (Assignment(me.name, 1),) * PAGE_SLOTS), 1, 1)
        watching.known.apply(Update(1, {LAYOUT.page("queue", number): page for number in range(16)}))
        watching._tell()
        async with asyncio.timeout(10):
            while not courier.sent:
                await asyncio.sleep(0.01)
        client = QueueClient(Direct({"queue": made.service}), store, blobs)
        async with asyncio.timeout(10):
            while (await client.read(entry)).status != "delivered":
                await asyncio.sleep(0.01)

"""Push over a real core: a client subscribes, mail comes, and both a stream and a push service hear of it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from prometheus_client import CollectorRegistry

from cluster.blobs.memory import MemoryBlobs
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from gateway.push.streams import events
from mail.jmap import subscriptions as subs
from mail.jmap.push import EventSource
from mail.jmap.subscriptions import KIND, Asked
from ops.core import Core, over
from ops.pushing import pushing, sending_pushes
from ops.settings import Settings
from tests.unit.gateway.push.service import Service
from tests.webpush import Agent, sender

SETTINGS = Settings(hostname="mx.test")
WAIT_S = 30.0


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    clock = ManualClock()
    stores = MemoryStore(clock=clock), MemoryBlobs(clock=clock)
    async with over(*stores, clock, random.Random(1), None, CollectorRegistry()) as made:
        await made.directory.add_domain("x.test")
        await made.directory.add_account("alice@x.test", "secret password")
        yield made


async def taken(service: Service, number: int) -> list[object]:
    async with asyncio.timeout(WAIT_S):
        while len(service.taken) < number:
            await asyncio.sleep(0.01)
    return list(service.content())


async def test_mail_is_told_of(core: Core) -> None:
    account = (await core.directory.get_account("alice@x.test")).id
    service = Service(core.clock.now_ms() / 1000)
    agent = service.agents["/p"] = Agent()
    async with AsyncExitStack() as stack:
        parts = pushing(stack, core, SETTINGS)
        parts.pusher._post = service
        sending = sending_pushes(stack, core, parts, lambda: range(4096))
        asked = Asked("d", "https://push.test/p", (agent.keys["p256dh"], agent.keys["auth"]), None, ["EmailDelivery"])
        await parts.desk.making(account)
        key = await parts.desk.server_key()
        new = subs.made(asked, "P1", core.clock.now_ms(), bytes(24), server_key=key)
        await core.mailboxes.put_objects(account, [(KIND, "P1", subs.encode(new))])
        parts.desk.made(account, new)
        assert await taken(service, 1) == [
            {"@type": "PushVerification", "pushSubscriptionId": "P1", "verificationCode": new.code}
        ]
        verified = subs.told_code(new, new.code)
        await core.mailboxes.put_objects(account, [(KIND, "P1", subs.encode(verified))])
        await parts.desk.verified(account, verified)
        await sending.poll()
        async with asyncio.timeout(WAIT_S):
            while not len(sending):
                await asyncio.sleep(0.01)
        stream = events(parts.watcher, account, EventSource(frozenset({"EmailDelivery"}), True, 0))
        await anext(stream)
        await core.mailboxes.deliver(account, await core.mailboxes.prepare(b"Subject: x\r\n\r\n"))
        event = await anext(stream)
        [message] = await taken(service, 1)
        modseq = (await core.mailboxes.tree(account)).modseq
        assert message == {"@type": "StateChange", "changed": {f"A{account:x}": {"EmailDelivery": str(modseq)}}}
        assert b'"EmailDelivery":"%d"' % modseq in event
        await stream.aclose()
    assert await parts.client.marks(account) == {"P1": f"{account:x}-{modseq:x}"}


async def test_push_services_are_told_whom_to_ask(core: Core) -> None:
    async with AsyncExitStack() as stack:
        parts = pushing(stack, core, SETTINGS)
        seen: list[str] = []

        class Ear(Service):
            def receive(self, *arguments: object) -> object:  # type: ignore[override]
                seen.append(arguments[3]["Authorization"])  # type: ignore[index]
                return super().receive(*arguments)  # type: ignore[arg-type]

        parts.pusher._post = Ear()
        key = await parts.desk.server_key()
        await parts.pusher.verify(subs.made(Asked("d", "https://push.test/p"), "P1", 1, bytes(24), server_key=key))
    assert sender(seen[0]).claims["sub"] == "mailto:postmaster@mx.test"

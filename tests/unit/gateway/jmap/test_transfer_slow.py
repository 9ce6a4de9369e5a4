"""Clients that ask for much and read slowly: what is held for them is bounded, and is let go of when they leave."""

import asyncio

import orjson
import pytest

from gateway.access.ids import account_id
from gateway.jmap import transfer, uploads
from gateway.jmap.routes import Jmap
from gateway.jmap.transfer import LARGE_MAX, Transfers
from gateway.push.watcher import Watcher
from gateway.web.answers import Answer
from gateway.web.credentials import Credentials
from gateway.web.exchange import Exchange
from mail.jmap import capabilities as uri
from tests.unit.gateway.imap.world import ALICE
from tests.unit.gateway.jmap.world import World
from tests.unit.gateway.web import world as web

GET = "GET /d/{}/{}/x HTTP/1.1\r\nHost: a.test\r\n\r\n"


class Site:
    """Downloads of alice's."""

    def __init__(self, world: World) -> None:
        self.world, self.web = world, web.World()
        transfers = Transfers()
        self.transfers = transfers

        async def download(exchange: Exchange) -> Answer:
            return await transfers.download(exchange, world.turn("alice"))

        self.web.router.add("/d/{accountId}/{blobId}/{name}", download)

    async def asked(self, blob: str) -> web.Client:
        client = self.web.connect()
        await client.send(GET.format(account_id(ALICE), blob).encode())
        return client


async def nobody_reads(site: Site, client: web.Client) -> None:
    """Threads have done their work too."""
    async with asyncio.timeout(60):
        while site.transfers._reading:
            await client.settle()
            await asyncio.sleep(0.001)


async def test_large_downloads_wait_for_slow_readers() -> None:
    async with World() as world:
        site = Site(world)
        blob = await uploads.keep(world.jmap, ALICE, bytes(2_000_000), "x/y")
        slow = [await site.asked(blob) for _ in range(LARGE_MAX)]
        assert all(b"200 OK" in client.wire.out for client in slow)
        assert all(len(client.wire.out) < 1_000_000 for client in slow)
        waiting = await site.asked(blob)
        assert not waiting.wire.out
        await slow[0].leave()
        await waiting.settle()
        assert b"200 OK" in waiting.wire.out
        for client in (*slow[1:], waiting):
            await client.leave()
        await nobody_reads(site, waiting)


async def test_small_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "WAIT_S", 0)
    async with World() as world:
        site = Site(world)
        blob = await uploads.keep(world.jmap, ALICE, bytes(900_000), "x/y")
        clients = [await site.asked(blob) for _ in range(LARGE_MAX + 1)]
        assert all(b"200 OK" in client.wire.out for client in clients)
        missing = await site.asked("U" + "0" * 64)
        assert missing.response().status == 404
        large = await uploads.keep(world.jmap, ALICE, bytes(2_000_000), "x/y")
        more = [await site.asked(large) for _ in range(LARGE_MAX + 1)]
        assert [b"200 OK" in client.wire.out for client in more] == [True] * LARGE_MAX + [False]
        assert more[-1].response().status == 429
        for client in (*clients, *more):
            await client.leave()
        await nobody_reads(site, more[0])


async def test_a_request_runs_until_its_answer_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:
        alice = world.people.people["alice"]

        async def principal(_self: Credentials, _exchange: Exchange, _scope: str = "") -> object:
            return alice

        monkeypatch.setattr(Credentials, "principal", principal)
        credentials = object.__new__(Credentials)
        jmap = Jmap(world.jmap, credentials, Watcher(world.mail, world.people))
        site = web.World(compress=False)
        jmap.add_to(site.router)
        echo = {"using": [uri.CORE], "methodCalls": [["Core/echo", {"x": "y" * 2_000_000}, "c"]]}
        body = orjson.dumps(echo)
        head = "POST /jmap/api HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        clients = [site.connect() for _ in range(world.limits.concurrent_requests_max + 1)]
        for client in clients:
            await client.send(head.encode())
            await client.send(body)
        assert [b"200 OK" in client.wire.out for client in clients] == [True] * (len(clients) - 1) + [False]
        assert clients[-1].response().status == 429
        for client in clients:
            await client.leave()
        assert not jmap._running

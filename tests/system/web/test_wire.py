"""HTTPS over sockets: TLS, relays in front, real clients, slow and hostile ones."""

import asyncio
import datetime as dt
import random
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from cluster.certificates import server_context
from cluster.clock import SystemClock
from cluster.hosting.sockets import listen
from gateway.proxy import relays
from gateway.web.metrics import WebMetrics
from gateway.web.parts import WebServices
from gateway.web.server import WebServer
from gateway.web.settings import WebSettings
from tests.authorities import Certified
from tests.unit.gateway.web.world import Log, World

NAME = "mx.example.test"


class Site:
    """A server on a port, with the handlers of the unit tests."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        now = dt.datetime.now(dt.UTC)
        root = Certified.root(now=now)
        self.trust = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(root.der))
        self.world = World()
        self.log = Log()
        registry = CollectorRegistry()
        limits = WebSettings(**{"log_requests": "all", "drain_s": 2.0, **settings})
        services = WebServices(limits, WebMetrics(registry), SystemClock(), random.Random(1), self.log)
        context = server_context(*root.server(NAME, now=now).write(folder))
        self.server = WebServer(self.world.router, services, context)
        self.sock = listen("127.0.0.1", 0)
        self.port = self.sock.getsockname()[1]

    def client(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=self.trust, force_close=False)
        return aiohttp.ClientSession(f"https://127.0.0.1:{self.port}", connector=connector)

    async def connect(self, *, tls: bool = True) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = self.trust if tls else None
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=NAME if tls else None)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    found = Site(tmp_path)
    found.trust.check_hostname = False  # aiohttp asks by the address
    await found.server.listen(found.sock)
    yield found
    await found.server.close()


async def test_a_client_keeps_its_connection(site: Site) -> None:
    async with site.client() as client:
        for _ in range(3):
            async with client.post("/echo", data=b"x" * 4000) as response:
                assert await response.read() == b"x" * 4000
        async with client.get("/letters", headers={"Range": "bytes=1-2"}) as response:
            assert (response.status, await response.read()) == (206, b"bc")
    assert len({values["conn"] for event, values in site.log.said if event == "web.request"}) == 1


async def test_a_large_upload_and_one_that_is_refused(site: Site) -> None:
    async with site.client() as client:
        async with client.post("/count", data=bytes(9_000_000)) as response:
            assert await response.read() == b"9000000"
        async with client.post("/echo", data=bytes(3_000_000)) as response:  # the answer is not lost
            assert response.status == 413


async def test_an_event_stream_and_a_websocket_until_the_server_stops(site: Site) -> None:
    async with (
        site.client() as client,
        client.get("/events") as response,
        client.ws_connect("/ws", protocols=["jmap"], compress=12) as socket,
    ):
        assert await response.content.readline() == b"event: state\n"
        await socket.send_str("hello " * 1000)
        assert (await socket.receive()).data == "HELLO " * 1000
        await site.server.close()
        assert (await socket.receive()).data == 1012
        assert (await response.content.read()).endswith(b"\n\n")  # it ends as it should


async def test_a_client_that_leaves_ends_its_stream(site: Site) -> None:
    reader, writer = await site.connect()
    writer.write(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readuntil(b"ping\n\n")
    writer.transport.abort()
    async with asyncio.timeout(10):
        while not site.world.ended:
            await asyncio.sleep(0.01)


async def test_a_reader_that_does_not_read_holds_little(site: Site) -> None:
    reader, writer = await site.connect()
    writer.write(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    sent, before = -1, site.server.sent_bytes
    async with asyncio.timeout(20):
        while sent != site.server.sent_bytes:  # until it waits for us
            sent = site.server.sent_bytes
            await asyncio.sleep(0.3)
    assert sent - before < 20_000_000  # what kernels, TLS and the reader hold
    writer.transport.abort()


async def test_there_is_no_http_without_tls(site: Site) -> None:
    reader, writer = await site.connect(tls=False)
    writer.write(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    try:
        assert b"hello a" not in await reader.read()
    except OSError:
        pass
    writer.close()


@pytest.mark.parametrize("plain", [False, True])
async def test_behind_a_relay(tmp_path: Path, plain: bool) -> None:
    site = Site(tmp_path)
    await site.server.listen(site.sock, behind=relays(["127.0.0.0/8"]), plain=plain)
    reader, writer = await site.connect(tls=False)
    writer.write(b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 443\r\n")
    if not plain:
        await writer.start_tls(site.trust, server_hostname=NAME)
    writer.write(b"GET /hello HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: close\r\n\r\n")
    assert b"hello a" in await reader.read()
    writer.close()
    await site.server.close()
    assert [values["ip"] for event, values in site.log.said if event == "web.request"] == ["192.0.2.7"]


async def test_without_tls_only_a_relay_may_connect(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for behind in (None, relays(["127.0.0.0/8"], "direct")):
        with pytest.raises(ValueError, match="only a relay"):
            await site.server.listen(site.sock, behind=behind, plain=True)
    site.sock.close()

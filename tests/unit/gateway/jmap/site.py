"""The JMAP resources on connections in memory, for alice, who needs no password."""

import asyncio
import hashlib
from contextlib import suppress
from typing import Any

import orjson
import pytest

from gateway.jmap.routes import Jmap
from gateway.push.watcher import Watcher
from gateway.web.credentials import Credentials
from gateway.web.exchange import Exchange
from mail.jmap import capabilities as uri
from tests.unit.gateway.jmap.world import World
from tests.unit.gateway.web import world as web

HANDSHAKE = (
    "GET /jmap/ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: jmap\r\n\r\n"
)


class Quick(web.Wire):
    """A client that reads all at once."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is always room."""


class Counting(Quick):
    """And keeps the head, how much came, and its hash."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0
        self.hash = hashlib.sha256()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.out:
            self.out = bytes(data)
        else:
            self.size += len(data)
            self.hash.update(data)


class Site:
    """The resources."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        alice = world.people.people["alice"]

        async def principal(_self: Credentials, _exchange: Exchange, _scope: str = "") -> object:
            return alice

        monkeypatch.setattr(Credentials, "principal", principal)
        self.jmap = Jmap(world.jmap, object.__new__(Credentials), Watcher(world.mail, world.people))
        self.web = web.World(**settings)
        self.jmap.add_to(self.web.router)

    def connect(self, wire: web.Wire | None = None) -> web.Client:
        return web.Client(self.web.make(web.IP), wire or Quick())

    async def ask(
        self, client: web.Client, calls: list[Any], *headers: str, version: str = "1.1", seconds: float = 60
    ) -> None:
        body = requested(calls)
        lines = (
            f"POST /jmap/api HTTP/{version}",
            "Host: a.test",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *headers,
            "",
            "",
        )
        await client.send("\r\n".join(lines).encode())
        await client.send(body)
        await ended(client, seconds)


def requested(calls: list[Any], **members: str) -> bytes:
    return orjson.dumps({"using": [uri.CORE, uri.MAIL, uri.BLOB], "methodCalls": calls, **members})


async def ended(client: web.Client, seconds: float = 60) -> None:
    """The answer, or as much of it as the client has taken by then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (cycle := client.connection.cycle) and not (cycle.response_complete or client.wire.closed):
                await client.settle()
                await asyncio.sleep(0.001)

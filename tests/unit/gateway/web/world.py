"""A web server without a network: its handlers, a client's end of a connection in memory, a clock moved by hand."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry

from cluster.clock import ManualClock
from cluster.errors import NotFound, Unavailable
from gateway.web.answers import JSON, Answer, HttpError
from gateway.web.connection import Connection
from gateway.web.exchange import Exchange
from gateway.web.metrics import WebMetrics
from gateway.web.parts import WebServices
from gateway.web.ranges import download
from gateway.web.router import Router
from gateway.web.server import WebServer
from gateway.web.settings import WebSettings

IP: Final = "192.0.2.1"
ALPHABET: Final = b"abcdefghijklmnopqrstuvwxyz"
SETTLE: Final = 60  # turns of the event loop, in which everything that can happen has
_CHUNK: Final = re.compile(rb"([0-9a-f]+)\r\n")


class Log:
    """What was told to it."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []

    def bind(self, **_values: object) -> "Log":
        return self

    def info(self, event: str, **values: object) -> None:
        self.said.append((event, values))

    def warning(self, event: str, **values: object) -> None:
        self.said.append((event, values))


class Wire(asyncio.Transport):
    """What the server writes; of more than `high` octets unread it is told so."""

    def __init__(self, ip: str = IP) -> None:
        super().__init__({"peername": (ip, 1000)})
        self.out = b""
        self.closed = False
        self.aborted = False
        self.reading = True
        self.high = 0
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        if not self.aborted:
            self.out += bytes(data)
            if self.high and len(self.out) > self.high:
                self.protocol.pause_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """An upgrade, which the client's end finds by itself."""

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Response(NamedTuple):
    """One, whole."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection."""

    def __init__(self, connection: Connection, wire: Wire) -> None:
        self.connection: Any = connection
        self.wire = wire
        self._lost = False
        wire.protocol = connection
        connection.connection_made(wire)

    async def send(self, data: bytes) -> None:
        """To the server, as far as it reads."""
        protocol = self.connection.socket or self.connection
        if not self.wire.closed:
            protocol.data_received(data)
        await self.settle()

    async def settle(self) -> None:
        """Until nothing happens any more; a closed transport is reported as an event loop does."""
        for _ in range(SETTLE):
            await asyncio.sleep(0)
        if self.wire.closed and not self._lost:
            self._lost = True
            (self.connection.socket or self.connection).connection_lost(None)
            for _ in range(SETTLE):
                await asyncio.sleep(0)

    async def leave(self) -> None:
        """The client is gone."""
        self.wire.closed = True
        await self.settle()

    def response(self, *, head_only: bool = False) -> Response:
        """The next one that the server has written."""
        head, end, rest = self.wire.out.partition(b"\r\n\r\n")
        assert end, self.wire.out
        lines = head.decode("latin-1").split("\r\n")
        pairs = [line.partition(": ") for line in lines[1:]]
        headers: dict[str, str] = {}
        for name, _, value in pairs:
            headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
        status = int(lines[0].split(" ")[1])
        if head_only or status in (100, 101, 204, 304):
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body, rest = unchunked(rest)
        else:
            size = int(headers["content-length"])
            assert len(rest) >= size, rest
            body, rest = rest[:size], rest[size:]
        self.wire.out = rest
        return Response(status, headers, body)


def unchunked(data: bytes) -> tuple[bytes, bytes]:
    """A whole body, and what follows it."""
    body = b""
    while match := _CHUNK.match(data):
        size, start = int(match[1], 16), match.end()
        body += data[start : start + size]
        data = data[start + size + 2 :]
        if not size:
            return body, data
    raise AssertionError(f"the body does not end: {body!r}")


class World:
    """A server with handlers for all that there is to see."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        self.log = Log()
        self.registry = CollectorRegistry()
        self.router = Router()
        self.gate = asyncio.Event()  # /slow waits for it
        self.ended: list[str] = []
        routes(self)
        self.settings = WebSettings(**settings)
        metrics = WebMetrics(self.registry)
        services = WebServices(self.settings, metrics, self.clock, random.Random(1), self.log)
        self.server = WebServer(self.router, services, None)
        self.make = self.server._factory()

    def make_large(self, size: int) -> None:
        """/large takes a body of this size, and answers when the gate is open."""

        async def large(exchange: Exchange) -> Answer:
            body = await exchange.body(size)
            await self.gate.wait()
            return Answer(200, str(len(body)).encode())

        self.router.add("/large", large, methods=("POST",))

    def connect(self, ip: str = IP) -> Client:
        """One more client."""
        return Client(self.make(ip), Wire(ip))

    async def wait(self, seconds: float) -> None:
        """Time passes, and the server looks after its connections."""
        self.clock.advance(seconds)
        self.server._sweep()
        assert self.server._sweeper is not None
        self.server._sweeper.cancel()

    def counted(self, name: str, **labels: str) -> float:
        """A metric's value."""
        return self.registry.get_sample_value(f"rookery_web_{name}", labels) or 0.0


async def pieces(start: int, end: int) -> AsyncIterator[bytes]:
    """Of the alphabet, a few octets at a time."""
    for at in range(start, end, 10):
        yield ALPHABET[at : min(at + 10, end)]


async def hello(exchange: Exchange) -> Answer:
    return Answer(200, f"hello {exchange.host} {exchange.asked('name')}".encode())


async def echo(exchange: Exchange) -> Answer:
    return Answer(200, await exchange.body(5000), JSON)


async def count(exchange: Exchange) -> Answer:
    total = 0
    async for piece in exchange.stream(10_000_000):
        total += len(piece)
    return Answer(200, str(total).encode())


async def deaf(exchange: Exchange) -> Answer:
    return Answer(200, b"not read")


async def part(exchange: Exchange) -> Answer:
    return Answer(200, repr(exchange.parameters).encode())


async def letters(exchange: Exchange) -> Answer:
    return download(exchange, len(ALPHABET), pieces, tag='"abc"')


async def chunks(exchange: Exchange) -> Answer:
    return Answer(200, pieces(0, 26))


async def defect(exchange: Exchange) -> Answer:
    raise ZeroDivisionError("a secret")


async def trouble(exchange: Exchange) -> Answer:
    raise Unavailable("Not now.", log="the store of x is away") if exchange.query else NotFound("None.")


async def teapot(exchange: Exchange) -> Answer:
    raise HttpError(418)


async def split(exchange: Exchange) -> Answer:
    return Answer(200, headers=(("X", exchange.asked("x")),))


async def flood(exchange: Exchange) -> None:
    async with exchange.events() as stream:
        while True:
            await stream.send(bytes(1000))


def routes(world: World) -> None:
    """What there is."""

    async def slow(exchange: Exchange) -> Answer:
        await world.gate.wait()
        return Answer(200, b"at last")

    async def events(exchange: Exchange) -> None:
        try:
            async with exchange.events() as stream:
                await stream.send(b"one\ntwo", event="state", ident="7")
                await stream.comment(b"ping")
                await world.gate.wait()
                await stream.send(b"three")
        finally:
            world.ended.append("events")

    async def socket(exchange: Exchange) -> None:
        async with exchange.websocket("jmap") as socket:
            async for text in socket:
                await socket.send(text.upper())
        world.ended.append("socket")

    add = world.router.add
    add("/hello", hello)
    add("/echo", echo, methods=("POST", "PUT"), cors=True)
    add("/count", count, methods=("POST",))
    add("/deaf", deaf, methods=("POST",))
    add("/part/{account}/{name}", part, cors=True)
    add("/part/{account}/fixed", hello)
    add("/letters", letters)
    add("/chunks", chunks)
    add("/slow", slow)
    add("/defect", defect)
    add("/trouble", trouble)
    add("/teapot", teapot)
    add("/split", split)
    add("/events", events, cors=True)
    add("/flood", flood)
    add("/ws", socket, websocket=True)

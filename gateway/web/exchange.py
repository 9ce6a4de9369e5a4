"""One request and its answer, as a handler sees them.

The law: a body is refused before it is read where it says that it is too long, and else as soon as it is; nothing of
the client's is believed about where it comes from (X-Forwarded-For and its kin are not looked at). Who is gone is told
by ConnectionError, which a handler lets pass.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qs

from gateway.web.answers import Headers, HttpError
from gateway.web.compression import Unpacker
from gateway.web.events import EventStream
from gateway.web.parts import Message, Peer, Receive, Scope, Send, WebServices
from gateway.web.room import SMALL_BYTES
from gateway.web.router import Route
from gateway.web.websocket import WebSocket

if TYPE_CHECKING:
    from gateway.web.app import Application

QUERY_FIELDS_MAX: Final = 100
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,254})(?::[0-9]{0,5})?")


class Exchange:
    """`parameters`: what the path has in the places that the route's template names."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, peer: Peer, services: WebServices) -> None:
        self.parameters: dict[str, str] = {}
        self.route: Route | None = None
        self.is_websocket = scope["type"] == "websocket"
        self.method: str = "GET" if self.is_websocket else scope["method"]
        self.path: str = scope["raw_path"].decode("latin-1")
        self.peer = peer
        self.services = services
        self.is_streaming = False
        self.is_answered = False  # its head, at least, has been sent
        self.status = 0
        self.sent_bytes = 0
        self._scope = scope
        self._receive = receive
        self._send = send
        self._application: Application | None = None
        self._read = False  # all of the body
        self._endings: list[Callable[[], object]] = []

    # what was asked

    @property
    def id(self) -> str:
        """The connection's name in the log."""
        return self.peer.id

    @property
    def ip(self) -> str:
        """The client's address."""
        return self.peer.ip

    @property
    def secure(self) -> bool:
        """Whether nobody can read along: passwords may be sent."""
        return self.peer.secure

    def header(self, name: str) -> str:
        """A header's value (`name` in small letters), several joined as one list; empty where there is none."""
        return self._fields.get(name.encode(), b"").decode("latin-1")

    @cached_property
    def _fields(self) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for name, value in self._scope["headers"]:
            found[name] = found[name] + b", " + value if name in found else value  # RFC 9110 §5.3
        return found

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The query's fields. Raises HttpError (400)."""
        try:
            return parse_qs(
                self._scope["query_string"].decode("ascii"),
                keep_blank_values=True,
                max_num_fields=QUERY_FIELDS_MAX,
                errors="strict",
            )
        except ValueError:
            raise HttpError(400, "The query is not understood") from None

    def asked(self, name: str, default: str = "") -> str:
        """The first value of a field of the query."""
        return self.query.get(name, [default])[0]

    @property
    def host(self) -> str:
        """The name we were called by, in small letters, without a port; empty where there is none."""
        match = _HOST.fullmatch(self.header("host"))
        return match[1].lower().removesuffix(".") if match else ""

    @property
    def authority(self) -> str:
        """The same with its port, for addresses of ours that the client is told."""
        said = self.header("host")
        return said.lower() if _HOST.fullmatch(said) else ""

    @property
    def content_type(self) -> str:
        """Of the body, in small letters, without parameters."""
        return self.header("content-type").partition(";")[0].strip(" \t").lower()

    # its body

    async def body(self, limit: int) -> bytes:
        """All of it, unpacked; of the room that all share it takes what it may need, until all is over. Raises
        HttpError (400, 413, 415, 503), ConnectionError."""
        size = int(self.header("content-length") or limit + 1)
        if size <= min(limit, SMALL_BYTES) and not self._read and not self.header("content-encoding"):
            piece = await self._next()
            if self._read:  # most came with their head
                return piece
            return piece + b"".join([more async for more in self.stream(limit)])
        announced = self.check_length(limit)
        packed = bool(self.header("content-encoding"))  # of a few octets much may become at once
        taken = packed or (announced or 0) > SMALL_BYTES
        if taken:
            await self.take_room(announced or limit)
        pieces: list[bytes] = []
        held = 0
        async for piece in self.stream(limit):
            pieces.append(piece)
            held += len(piece)
            if held > SMALL_BYTES and not taken:  # it comes in chunks
                taken = True
                await self.take_room(limit)
        return b"".join(pieces)

    async def take_room(self, octets: int) -> None:
        """Wait for so much of the room that all share, until all is over. Raises HttpError (503)."""
        self.at_end(await self.peer.room.take(octets, self.ip))

    def check_length(self, limit: int) -> int | None:
        """What the body says of its length, packed as it may be; None: nothing. Raises HttpError (413)."""
        announced = self.header("content-length")
        if not announced:
            return None
        if int(announced) > limit:
            raise HttpError(413)
        return None if self.header("content-encoding") else int(announced)

    async def stream(self, limit: int) -> AsyncIterator[bytes]:
        """It in pieces as they come; the client waits while they are dealt with. Raises as `body`."""
        unpacker = self._unpacker(limit)
        self.check_length(limit)
        left = limit
        while not self._read:
            came = await self._next()
            for piece in unpacker.feed(came, left) if unpacker is not None else (came,):
                left -= len(piece)
                if left < 0:
                    raise HttpError(413)
                if piece:
                    yield piece
        if unpacker is not None:
            unpacker.end()

    def _unpacker(self, limit: int) -> Unpacker | None:
        coding = self.header("content-encoding").strip().lower()
        if coding in ("gzip", "x-gzip"):
            return Unpacker(limit)
        if coding not in ("", "identity"):
            raise HttpError(415, headers=(("Accept-Encoding", "gzip"),))  # RFC 9110 §12.5.3
        return None

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            raise ConnectionResetError
        self._read = not message.get("more_body", False)
        return cast("bytes", message.get("body", b""))

    @property
    def is_unfinished(self) -> bool:
        """Whether some of the body has not been read."""
        return not (self.is_websocket or self._read) and self.peer.unfinished(self._scope)

    async def discard(self, limit: int) -> bool:
        """Read what is left of the body and forget it; whether that was all of it."""
        if self.header("expect") or int(self.header("content-length") or 0) > limit:
            return False
        return await self.skip(limit)

    async def skip(self, limit: int) -> bool:
        """The same, whatever it says of its length."""
        while not self._read and limit > 0:
            limit -= len(await self._next())
        return self._read

    # streams

    def websocket(self, subprotocol: str) -> WebSocket:
        """The request is for a WebSocket: to be entered with `async with`. Raises HttpError (400, 426)."""
        return WebSocket(self, subprotocol)

    def events(self) -> EventStream:
        """The answer is an event stream: to be entered with `async with`."""
        return EventStream(self)

    def at_end(self, callback: Callable[[], object]) -> None:
        """Call it when all is over: the answer has been sent but for what its connection's buffer holds, or nobody is
        there."""
        self._endings.append(callback)

    # for what is in this package

    def end(self) -> None:
        """All is over."""
        while self._endings:
            self._endings.pop()()

    def use(self, application: "Application") -> None:
        """Who sends the heads of its answers."""
        self._application = application

    async def send(self, message: Message) -> None:
        """Pass on to the connection, when it has room. Raises ConnectionError when the client is gone."""
        try:
            await self._send(message)
        except OSError:
            raise ConnectionResetError from None
        if self.peer.lost:
            raise ConnectionResetError

    async def send_piece(self, piece: bytes, *, more: bool = True) -> None:
        """A piece of the answer's body."""
        self.sent_bytes += len(piece)
        self.peer.sent(len(piece))
        kind = "websocket.http.response.body" if self.is_websocket else "http.response.body"
        await self.send({"type": kind, "body": piece, "more_body": more})

    async def begin_stream(self, content_type: str, headers: Headers, kind: str) -> None:
        """Answer with a body without an end. From here on the task is cancelled when it is over. Raises HttpError."""
        if self.is_old:
            raise HttpError(505)  # RFC 9112 §7.1: chunks cannot be sent
        if self.method == "HEAD":
            raise HttpError(405, headers=(("Allow", "GET, OPTIONS"),))
        assert self._application is not None
        await self._application.begin(self, 200, content_type, headers)
        self._attach(kind)

    async def accept(self, subprotocol: str) -> None:
        """Become a WebSocket."""
        await self._receive()  # websocket.connect
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": []})
        self.status, self.is_answered = 101, True
        self.is_streaming = True
        self.services.metrics.streams.labels("websocket").inc()

    def _attach(self, kind: str) -> None:
        self.is_streaming = True
        self.services.metrics.streams.labels(kind).inc()
        self.peer.attach(asyncio.current_task())

    async def receive_message(self) -> str | bytes | None:
        """The next message; None at the end."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return None
        text: str | None = message.get("text")
        return text if text is not None else cast("bytes", message.get("bytes", b""))

    async def send_fragment(self, data: bytes, *, first: bool, last: bool) -> None:
        """Some of a message, which goes on until the last; until the client has read most of it. Raises
        ConnectionError."""
        self.sent_bytes += len(data)
        self.peer.sent(len(data))
        await self.peer.send_fragment(data, first=first, last=last)
        await self.peer.drained()

    async def close_socket(self, code: int, reason: str) -> None:
        """The end of a WebSocket; nothing where it has ended."""
        if not self.peer.lost:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})

    @property
    def subprotocols(self) -> list[str]:
        """Those the client offers."""
        return cast("list[str]", self._scope.get("subprotocols", []))

    @property
    def is_old(self) -> bool:
        """HTTP/1.0, which knows no chunks."""
        return cast("str", self._scope["http_version"]) == "1.0"

"""One HTTP connection: uvicorn's protocol within our bounds of size, count and time.

The law: a request's head is bounded in octets, fields and seconds, its body in its slowness, what is asked ahead in
number, what is unread in octets and seconds. A request that two readers could understand differently (RFC 9112 §6.3,
§11.2) is refused, and nothing behind it is read. An idle connection has no task, and its time is the server's sweep.
"""

import asyncio
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from gateway.proxy import ip_of
from gateway.web.parts import Scope, WebServices
from gateway.web.room import Room

if TYPE_CHECKING:
    from gateway.web.upgraded import SocketProtocol

HEAD_BYTES_MAX: Final = 16 * 1024  # browsers send about 1 kB, bearer tokens may have 4 kB
TARGET_BYTES_MAX: Final = 8 * 1024  # RFC 9110 §4.1 wants 8000 at least
FIELDS_MAX: Final = 100
AHEAD_MAX: Final = 16  # requests behind the one that is answered
_CONTENT: Final = (b"content-length", b"transfer-encoding")


class Owner(Protocol):
    """The server, as its connections see it."""

    received_bytes: int
    """Since the last sweep."""
    sent_bytes: int
    """The same of bodies."""

    @property
    def services(self) -> WebServices:
        """What all share."""
        ...

    @property
    def room(self) -> Room:
        """The memory that all share."""
        ...

    def opened(self, connection: "Connection") -> str:
        """Count a new connection; the reason to refuse it, or an empty string."""
        ...

    def closed(self, connection: "Connection") -> None:
        """The connection is no more."""
        ...


class _Refused(Exception):
    """The request cannot be read."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Connection(HttpToolsProtocol):
    """The event loop's protocol object, and the exchanges' Peer."""

    def __init__(self, owner: Owner, config: Config, state: ServerState, number: str, *, ip: str, secure: bool) -> None:
        """`ip`: the client's address where a relay has told it. `secure`: nobody reads along."""
        super().__init__(config, state, {"connection": self})
        self.id = number
        self.ip = ip
        self.secure = secure
        self.lost = False
        self.stopping = False
        self.deadline = math.inf  # monotonic seconds after which the server's sweep ends us
        self.socket: SocketProtocol | None = None  # what it has become
        self.owner = owner
        self._settings = owner.services.settings
        self._clock = owner.services.clock
        self._stream: asyncio.Task[Any] | None = None
        self._in_head = False
        self._head_bytes = 0
        self._heard = 0  # times the parser has said something
        self._status = 400  # of what is wrong
        self._deaf = False  # something was: nothing more is read

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, or turn the client away."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(self._settings.write_buffer_bytes)
        self.ip = self.ip or ip_of(transport.get_extra_info("peername"))
        self.deadline = self._clock.monotonic() + self._settings.header_s
        if self.owner.opened(self):
            self._refuse(503)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._deaf:
            return
        self.owner.received_bytes += len(data)
        heard = self._heard
        super().data_received(data)
        if not self._in_head or self._deaf:
            return
        if heard == self._heard:  # a field that goes on and on
            self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES_MAX:
            self._status = 431
            self.send_400_response("")

    def pause_writing(self) -> None:
        """The client does not keep up."""
        super().pause_writing()
        self.deadline = self._clock.monotonic() + self._settings.write_s

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is no more: what was written to it waits no longer, a stream ends."""
        if self.lost:
            return
        super().connection_lost(exc)
        self.gone()

    def gone(self) -> None:
        """The same where the transport was a WebSocket's."""
        self.lost = True
        if self._stream is not None:
            self._stream.cancel()
        self.owner.closed(self)

    # the parser

    def on_message_begin(self) -> None:
        """A request."""
        super().on_message_begin()
        self._heard += 1
        self._in_head, self._head_bytes = True, 0
        if self._is_idle():
            self.deadline = self._clock.monotonic() + self._settings.header_s

    def on_url(self, url: bytes) -> None:
        """Some of its target."""
        super().on_url(url)
        self._heard += 1
        self._head_bytes += len(url)
        if len(self.url) > TARGET_BYTES_MAX:
            raise self._wrong(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of it; those behind a body (trailers) are for nobody."""
        self._heard += 1
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > HEAD_BYTES_MAX:
            raise self._wrong(431)
        if not self._in_head:
            return
        if len(self.headers) >= FIELDS_MAX:
            raise self._wrong(431)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._check()
        if len(self.pipeline) >= AHEAD_MAX:
            raise self._wrong(429)
        was_idle = self._is_idle()
        super().on_headers_complete()
        self._in_head, self._head_bytes = False, 0
        if was_idle and not self._is_idle():
            self._rest()
            if self.parser.should_upgrade():  # to what we do not know: the parser reads nothing behind it
                self.cycle.keep_alive = False

    def _check(self) -> None:
        """Refuse what cannot be told for sure. What the parser refuses by itself is not here."""
        names = [name for name, _ in self.headers]
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise self._wrong(505)
        if names.count(b"host") != 1 and (version == "1.1" or names.count(b"host")):  # RFC 9112 §3.2
            raise self._wrong(400)
        coded = [value for name, value in self.headers if name == b"transfer-encoding"]
        if coded and (b"content-length" in names or version == "1.0" or len(coded) > 1):  # RFC 9112 §6.1
            raise self._wrong(400)
        if coded and coded[0].strip().lower() != b"chunked":
            raise self._wrong(501)
        if self.parser.get_method() == b"CONNECT":
            raise self._wrong(501)
        # The parser takes no body of a request that asks for another protocol: it would be the next request.
        if self.parser.should_upgrade() and any(name in _CONTENT and value != b"0" for name, value in self.headers):
            raise self._wrong(400)

    def _wrong(self, status: int) -> _Refused:
        self._status = status
        return _Refused(status)

    def on_body(self, body: bytes) -> None:
        """Some of its body: time for as much as a slow line needs for it."""
        super().on_body(body)
        now = self._clock.monotonic()
        more = self.deadline + len(body) / self._settings.body_rate
        self.deadline = min(more, now + self._settings.body_s)

    def on_message_complete(self) -> None:
        """All of it is there."""
        super().on_message_complete()
        if not self.flow.write_paused:
            self.deadline = math.inf

    def on_response_complete(self) -> None:
        """It is answered: on to the next, or to rest."""
        super().on_response_complete()
        if self.stopping and self._is_idle():
            self.transport.close()
        else:
            self._rest()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's)
        """What came makes no sense. What was asked before it is answered first; behind it nothing is read."""
        if self._deaf:
            return
        self._deaf = True
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self._refuse(self._status)
        elif not cycle.more_body:  # it is in the next one
            cycle.keep_alive = False
        else:  # it is in the body of this one
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started or self.pipeline:
                self.transport.abort()
            else:
                self._refuse(self._status)

    # the exchanges' Peer

    def sent(self, count: int) -> None:
        """So many octets of a body."""
        self.owner.sent_bytes += count

    @property
    def services(self) -> WebServices:
        """What all share."""
        return self.owner.services

    @property
    def room(self) -> Room:
        """The memory that all share."""
        return self.owner.room

    def unfinished(self, scope: Scope) -> bool:
        """Whether more of this request's body is to come."""
        return self.cycle.scope is scope and self.cycle.more_body

    def attach(self, task: "asyncio.Task[Any] | None") -> None:
        """The task of a stream."""
        self._stream = task
        if task is not None and (self.lost or self.stopping):
            task.cancel()

    async def send_fragment(self, data: bytes, *, first: bool, last: bool) -> None:
        """Some of a text message to the client of a WebSocket, once there is room for it. Raises ConnectionError."""
        if self.socket is None:
            raise ConnectionResetError
        await self.socket.send_fragment(data, first=first, last=last)

    async def drained(self) -> None:
        """Wait until the client of a WebSocket has read most of what was written, or is gone."""
        if self.socket is not None:
            await self.socket.writable.wait()

    def abort(self) -> None:
        """Cut the connection without a word."""
        self.transport.abort()

    # what the server asks

    def stop(self) -> None:
        """End: at once when nothing is asked, a stream as soon as it can, anything else when it is answered."""
        self.stopping = True
        if self.socket is not None:
            self.socket.shutdown()
        elif self._is_idle():
            self.transport.close()
        else:
            self.cycle.keep_alive = False
            if self._stream is not None:
                self._stream.cancel()

    def expired(self) -> None:
        """The deadline has passed: the client is silent, dawdles, or does not read."""
        if self.socket is not None:
            self.abort()
        elif self.flow.read_paused and not self.flow.write_paused:  # it waits for us
            self.deadline = self._clock.monotonic() + self._settings.body_s
        elif self._in_head and self._is_idle():
            self._status = 408
            self.send_400_response("")
        elif self._is_idle() and not self.transport.is_closing():
            self.transport.close()
            self.deadline = self._clock.monotonic() + self._settings.write_s
        elif not self._is_idle() and self.cycle.more_body and not self.cycle.response_started:
            self._status = 408
            self.send_400_response("")
        else:
            self.abort()

    def handle_websocket_upgrade(self) -> None:
        """Become a WebSocket, whose protocol is told of us by its state."""
        if not self._is_idle():
            self.abort()  # it was asked for behind a request that is not answered yet
            return
        self.deadline = math.inf
        super().handle_websocket_upgrade()
        # None of this is needed any more, and thousands of WebSockets are silent most of the time.
        self.headers, self.url, self.scope, self.parser = [], b"", None, None  # type: ignore[assignment]

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or (cycle.response_complete and not self.pipeline)

    def _rest(self) -> None:
        """What is waited for now, and how long."""
        settings, now = self._settings, self._clock.monotonic()
        if self._is_idle():
            self.deadline = now + (settings.header_s if self._in_head else settings.idle_s)
        elif self.cycle.more_body:
            self.deadline = now + settings.body_s
        else:
            self.deadline = math.inf

    def _refuse(self, status: int) -> None:
        """A few words, and the end."""
        self._deaf = True
        text = HTTPStatus(status).phrase.encode() + b"\n"
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
            b"cache-control: no-store\r\nconnection: close\r\n\r\n%b" % (status, text.rstrip(), len(text), text)
        )
        self.owner.services.metrics.requests.labels("-", "-", str(status)).inc()
        self.transport.close()
        self.deadline = self._clock.monotonic() + self._settings.write_s

"""One WebSocket connection: uvicorn's protocol within our bounds (RFC 6455, RFC 7692).

The law: what the client does not read is bounded in octets and seconds, pongs included; a message is bounded in
octets, unpacked, and in fragments; nothing behind it is unpacked before it was taken. All large ones of a server
together are bounded: who finds no room is not read from until there is some, or is told to come later (1013). What it
grew out of, the HTTP connection, stays the one that the server counts.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.protocol import State
from websockets.server import ServerProtocol

from gateway.web.answers import HttpError
from gateway.web.connection import Connection
from gateway.web.room import SMALL_BYTES

FRAGMENTS_MAX: Final = 1000  # of one message; empty ones weigh nothing in octets
CLOSE_S: Final = 2.0  # for the client's goodbye
WINDOW_BITS: Final = 12
TOO_BIG: Final = 1009
LATER: Final = 1013
WAIT_S: Final = 60.0  # for room
EXPANSION: Final = 1032  # octets that one of deflate may become
SLICE_BYTES: Final = 4096  # read at once: of deflate a thousand times as much may come


class SocketProtocol(WebSocketsSansIOProtocol):
    """The event loop's protocol object from the upgrade on."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.close_timeout = CLOSE_S
        # Without a context kept between messages an idle one costs 32 kB less; those worth it are long.
        packing = ServerPerMessageDeflateFactory(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=WINDOW_BITS,
            compress_settings={"memLevel": 5, "level": 4},
        )
        self.conn = ServerProtocol(extensions=[packing], max_size=config.ws_max_size, logger=self.conn.logger)
        self._ahead = bytearray()  # came with a message that was not taken yet: of a read or two
        self._fed = 0  # octets of the message that is coming
        self._room: Callable[[], None] | None = None  # taken for it
        self._used: Callable[[], None] | None = None  # for the one that is dealt with
        self._waiting: asyncio.Task[None] | None = None  # for room
        self._base: Connection = app_state["connection"]
        self._base.socket = self

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is no more."""
        super().connection_lost(exc)
        if self._waiting is not None:
            self._waiting.cancel()
        for give in (self._room, self._used):
            if give is not None:
                give()
        self._base.gone()

    def pause_writing(self) -> None:
        """The client does not keep up: it is not read from until it does, as pings alone would make us write."""
        super().pause_writing()
        self.transport.pause_reading()
        settings = self._base.services.settings
        self._base.deadline = self._base.services.clock.monotonic() + settings.write_s

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        if not (self.read_paused or self._waiting):
            self.transport.resume_reading()
        self._base.deadline = math.inf
        if self._room is not None:
            self._hurry(0)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        self._base.owner.received_bytes += len(data)
        self._ahead += data
        self._read_on()

    def _read_on(self) -> None:
        """Up to the next message, as far as there is room for it."""
        at = 0
        while at < len(self._ahead) and not self.read_paused and not self.transport.is_closing():
            piece = bytes(self._ahead[at : at + SLICE_BYTES])
            if not self._has_room(len(piece)):
                break
            at += len(piece)
            super().data_received(piece)
            if self._fed and not (self.frames or self.conn.reader.buffer):  # pings are no message
                self._rested()
        del self._ahead[:at]

    # room for large messages

    def _has_room(self, octets: int) -> bool:
        """Whether so much more of the message may be read; else it is waited for."""
        self._fed += octets
        if self._room is not None:
            self._hurry(octets)
            return True
        if self._fed * (EXPANSION if self.conn.extensions else 1) <= SMALL_BYTES:
            return True
        base, size = self._base, self.config.ws_max_size
        self._room = base.room.take_now(size, base.ip)
        if self._room is not None:
            self._hurry(octets)
            return True
        self._fed -= octets
        if self._waiting is None:
            self.transport.pause_reading()
            self._waiting = self.loop.create_task(self._wait(size))
        return False

    async def _wait(self, size: int) -> None:
        try:
            self._room = await self._base.room.take(size, self._base.ip, WAIT_S)
        except HttpError:
            self.conn.fail(LATER, "the server is busy")
            self.handle_parser_exception()
            return
        finally:
            self._waiting = None
        self._hurry(0)
        self._read_on()
        if not self.read_paused and self.writable.is_set() and not self.transport.is_closing():
            self.transport.resume_reading()

    def _hurry(self, octets: int) -> None:
        """Who has room may not dawdle: the message is as slow as a body may be (web.body_s, web.body_rate)."""
        settings, now = self._base.services.settings, self._base.services.clock.monotonic()
        if self._base.deadline == math.inf:
            self._base.deadline = now + settings.body_s
        self._base.deadline = min(self._base.deadline + octets / settings.body_rate, now + settings.body_s)

    def send_receive_event_to_app(self) -> None:
        """A message is whole: what it weighs is given back when the next is asked for."""
        if self._used is None and sum(map(len, self.frames)) > SMALL_BYTES:
            self._used, self._room = self._room, None
        super().send_receive_event_to_app()
        self._rested()

    def _rested(self) -> None:
        """Nothing of a message is there."""
        self._fed = 0
        if self.writable.is_set():
            self._base.deadline = math.inf
        if self._room is not None:
            self._room()
            self._room = None

    def handle_cont(self, event: Frame) -> None:
        """One more fragment."""
        if len(self.frames) >= FRAGMENTS_MAX:
            self.conn.fail(TOO_BIG, "too many fragments")
            self.handle_parser_exception()
            self.frames = []
        elif not self.close_sent:
            super().handle_cont(event)

    async def send_fragment(self, data: bytes, *, first: bool, last: bool) -> None:
        """Some of a text message, once there is room for it. Raises ConnectionError: nobody is there."""
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.conn.state is not State.OPEN:
            raise ConnectionResetError
        if first:
            self.conn.send_text(data, fin=last)
        else:
            self.conn.send_continuation(data, fin=last)
        self.transport.write(b"".join(self.conn.data_to_send()))

    async def receive(self) -> Any:
        """The next message: reading goes on once it was taken, unless the client does not read."""
        if self._used is not None:
            self._used()
            self._used = None
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._read_on()
            if not (self.read_paused or self._waiting) and self.writable.is_set() and not self.transport.is_closing():
                self.transport.resume_reading()
        return message

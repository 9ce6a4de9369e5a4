"""One WebSocket connection: uvicorn's protocol within our bounds (RFC 6455, RFC 7692).

The law: what the client does not read is bounded in octets and seconds, pongs included; a message is bounded in
octets, unpacked, and in fragments; nothing behind it is unpacked before it was taken. What it grew out of, the HTTP
connection, stays the one that the server counts.
"""

import math
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.server import ServerProtocol

from gateway.web.connection import Connection

FRAGMENTS_MAX: Final = 1000  # of one message; empty ones weigh nothing in octets
CLOSE_S: Final = 2.0  # for the client's goodbye
WINDOW_BITS: Final = 12
TOO_BIG: Final = 1009
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
        self._base: Connection = app_state["connection"]
        self._base.socket = self

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is no more."""
        super().connection_lost(exc)
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
        if not self.read_paused:
            self.transport.resume_reading()
        self._base.deadline = math.inf

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        self._base.owner.received_bytes += len(data)
        self._ahead += data
        self._read_on()

    def _read_on(self) -> None:
        """Up to the next message."""
        at = 0
        while at < len(self._ahead) and not self.read_paused and not self.transport.is_closing():
            piece = bytes(self._ahead[at : at + SLICE_BYTES])
            at += len(piece)
            super().data_received(piece)
        del self._ahead[:at]

    def handle_cont(self, event: Frame) -> None:
        """One more fragment."""
        if len(self.frames) >= FRAGMENTS_MAX:
            self.conn.fail(TOO_BIG, "too many fragments")
            self.handle_parser_exception()
            self.frames = []
        elif not self.close_sent:
            super().handle_cont(event)

    async def receive(self) -> Any:
        """The next message: reading goes on once it was taken, unless the client does not read."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._read_on()
            if not self.read_paused and self.writable.is_set() and not self.transport.is_closing():
                self.transport.resume_reading()
        return message

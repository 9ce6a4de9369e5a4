"""A WebSocket, as a handler uses it (RFC 6455): text messages both ways.

The law: one message is read at a time, of a bounded size, and none before the last is dealt with; what is no text is
the end of it (1003). Within `async with` the server's stop tells the client 1012, and the loop over messages ends.
"""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from gateway.web.answers import HttpError, closed_after

if TYPE_CHECKING:
    from gateway.web.exchange import Exchange

NORMAL: Final = 1000
UNSUPPORTED: Final = 1003  # data we do not take
POLICY: Final = 1008
DEFECT: Final = 1011
FRAGMENT_BYTES: Final = 256 * 1024


class WebSocket:
    """`async with exchange.websocket("jmap") as ws: async for text in ws: await ws.send(answer)`."""

    __slots__ = ("_closed", "_exchange", "_sending", "_subprotocol")

    def __init__(self, exchange: "Exchange", subprotocol: str) -> None:
        """Raises HttpError where the request is for none, or for none of this subprotocol."""
        if not exchange.is_websocket:
            raise HttpError(426, headers=(("Upgrade", "websocket"), ("Connection", "Upgrade")))
        if subprotocol not in exchange.subprotocols:
            raise HttpError(400, f"The subprotocol {subprotocol} must be asked for")
        self._exchange = exchange
        self._subprotocol = subprotocol
        self._closed = False
        self._sending = asyncio.Lock()  # between two messages, never within one

    async def __aenter__(self) -> Self:
        await self._exchange.accept(self._subprotocol)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.close()
        elif issubclass(kind, Exception) and not issubclass(kind, ConnectionError):  # who is cancelled waits for nobody
            await self.close(DEFECT)

    async def __aiter__(self) -> AsyncIterator[str]:
        while not self._closed:
            message = await self._exchange.receive_message()
            if message is None:
                self._closed = True
            elif isinstance(message, bytes):
                await self.close(UNSUPPORTED, "Only text is understood")
            else:
                held = [message]
                del message  # while the next is waited for, nothing holds this one
                yield held.pop()

    async def send(self, text: str | bytes) -> None:
        """One text message (bytes: its UTF-8), once there is room for it. Raises ConnectionError: nobody is there,
        or we have said goodbye."""
        async with self._sending:
            if self._closed:
                raise ConnectionResetError
            octets = text if isinstance(text, bytes) else text.encode()
            await self._exchange.send_fragment(octets, first=True, last=True)

    async def send_pieces(self, pieces: AsyncIterator[bytes]) -> None:
        """One text message, whose UTF-8 comes in pieces, as fragments (RFC 6455 5.4): none is asked for before there is
        room for the last. Raises as `send`."""
        async with self._sending, closed_after(pieces):
            first = True
            async for piece in pieces:
                for at in range(0, len(piece), FRAGMENT_BYTES):
                    if self._closed:
                        raise ConnectionResetError
                    await self._exchange.send_fragment(piece[at : at + FRAGMENT_BYTES], first=first, last=False)
                    first = False
            await self._exchange.send_fragment(b"", first=first, last=True)

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say goodbye; `reason` of up to 123 bytes."""
        if not self._closed:
            self._closed = True
            await self._exchange.close_socket(code, reason)

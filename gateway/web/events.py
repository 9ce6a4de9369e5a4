"""An event stream: messages to a client for as long as it listens (text/event-stream, the HTML standard §9.2).

The law: no more is written ahead of a client than its connection's buffer holds; whoever sends waits, or asks `behind`
first. A field never holds a line of its own making.
"""

from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from gateway.web.exchange import Exchange

CONTENT_TYPE: Final = "text/event-stream"
# Relays that gather answers (nginx) are told not to.
HEADERS: Final = (("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"))


class EventStream:
    """Used as `async with`: within, the client's leaving and the server's stop end the handler by cancelling it."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange

    async def __aenter__(self) -> Self:
        await self._exchange.begin_stream(CONTENT_TYPE, HEADERS, "events")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The application ends the answer."""

    async def send(self, data: bytes, *, event: str = "", ident: str = "") -> None:
        """One event, once there is room for it. Raises ConnectionError when the client is gone."""
        await self._exchange.send_piece(rendered(data, event, ident))

    async def pass_on(self, piece: bytes) -> None:
        """What is an event, or several, already. Raises as `send`."""
        await self._exchange.send_piece(piece)

    async def comment(self, text: bytes = b"") -> None:
        """A line that says nothing: it keeps relays from closing what is silent."""
        await self._exchange.send_piece(b": " + b" ".join(text.split()) + b"\n\n")

    async def retry(self, milliseconds: int) -> None:
        """How long the client is to wait before it comes again."""
        await self._exchange.send_piece(b"retry: %d\n\n" % milliseconds)


def rendered(data: bytes, event: str = "", ident: str = "") -> bytes:
    """An event as it goes over the line."""
    lines = []
    if event:
        lines.append(b"event: " + " ".join(event.split()).encode())
    if ident:
        lines.append(b"id: " + " ".join(ident.replace("\0", "").split()).encode())
    lines += [b"data: " + line for line in data.splitlines() or [b""]]  # of bytes: at CR, LF and CRLF alone
    return b"\n".join(lines) + b"\n\n"

"""What stands between a connection and its transport while both ends compress (RFC 4978): a transport to the one, the
protocol of the other.

The law: as of the connection itself. A turn of the event loop inflates and deflates no more than SLICE_BYTES of a
connection, so neither a bomb nor a large message holds up others; what waits here is what the transport gave at once,
or what the connection wrote before it was told to wait. Of deflaters only so many are kept as KEPT_MAX says, for all
connections of a server together: whose is gone begins anew.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final

from gateway.access.connection import Connection
from mail.imap.deflate import Deflating, Garbled, Inflating

SLICE_BYTES: Final = 64 * 1024  # inflated or deflated in a turn: one to three milliseconds
_PIECES_MAX: Final = 64  # inflated in a turn: there are also flushes with nothing between
KEPT_MAX: Final = 512  # deflaters of a server: 67 MB


class Deflaters:
    """A server's: the longest unused is forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Compressed, Deflating] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, owner: "Compressed") -> Deflating:
        """The one that knows what was said to this client, or a new one."""
        found = self._kept.get(owner) or Deflating()
        self._kept[owner] = found
        self._kept.move_to_end(owner)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return found

    def forget(self, owner: "Compressed") -> None:
        """Nothing more is said to it."""
        self._kept.pop(owner, None)


class Compressed(asyncio.Transport, asyncio.Protocol):
    """A transport whose other end compresses."""

    def __init__(
        self,
        under: asyncio.Transport,
        over: Connection,
        deflaters: Deflaters,
        garbled: Callable[[], None],
        high_bytes: int,
        *,
        clogged: bool,
    ) -> None:
        """Between `under` and `over` from now on. `garbled` is called when what comes makes no sense: nothing of it
        comes any more. `high_bytes`: `over` is to wait while so much waits to be deflated. `clogged`: it waits."""
        super().__init__()
        self._under = under
        self._over = over
        self._deflaters = deflaters
        self._garbled = garbled
        self._high_bytes = high_bytes
        self._inflating: Inflating | None = Inflating()
        self._is_held = False  # by `over`, that wants no more now
        self._is_paused = False  # `under`, by us
        self._turn: asyncio.Handle | None = None  # in which more is inflated
        self._ended = False  # `under` has, perhaps before all is inflated
        self._ending = False  # what comes is not compressed any more, once a flush has come
        self._waiting: deque[bytes] = deque()  # to be deflated
        self._waiting_bytes = 0
        self._sending: asyncio.Handle | None = None  # the turn in which more is deflated
        self._is_clogged = clogged  # `under` says so
        self._said_clogged = clogged  # to `over`
        self._is_closing = False
        under.set_protocol(self)

    def finish(self) -> asyncio.Transport:
        """What was written before this is the last that is compressed, and so is what comes before the next flush; the
        transport to go on with."""
        while self._waiting:
            self._send(self._waiting.popleft())
        self._waiting_bytes = 0
        self._say()
        self._deflaters.forget(self)
        self._ending, self._is_held = True, False
        self._pump()
        return self._under

    # the protocol of the transport under it

    def data_received(self, data: bytes) -> None:
        """Compressed octets."""
        if self._inflating is not None:
            self._inflating.add(data)
            self._pump()

    def eof_received(self) -> bool:
        """No more of them."""
        self._ended = True
        self._pump()
        return self._under.get_extra_info("ssl_object") is None

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._is_clogged = True
        self._say()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._is_clogged = False
        self._deflate()
        self._say()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is no more."""
        self._stop()
        self._over.connection_lost(exc)

    # the transport of the protocol over it

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Deflate and send: at once what is small."""
        if self._waiting or len(data) > SLICE_BYTES:
            self._waiting += [bytes(data[at : at + SLICE_BYTES]) for at in range(0, len(data), SLICE_BYTES)]
            self._waiting_bytes += len(data)
            self._say()
            self._soon()
        else:
            self._send(bytes(data))

    def close(self) -> None:
        """When all is sent."""
        self._is_closing = True
        if not self._waiting:
            self._under.close()

    def abort(self) -> None:
        """At once."""
        self._is_closing = True
        self._stop()
        self._under.abort()

    def is_closing(self) -> bool:
        """Whether it is."""
        return self._is_closing or self._under.is_closing()

    def pause_reading(self) -> None:
        """The protocol wants no more now."""
        self._is_held = True
        self._pause(on=True)

    def resume_reading(self) -> None:
        """It does again: not within this call."""
        self._is_held = False
        self._again()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport under it knows."""
        return self._under.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Of the transport under it."""
        self._under.set_write_buffer_limits(high, low)

    # inflating

    def _pump(self) -> None:
        """Give the protocol what has come, as far as it wants and this turn allows."""
        self._turn = None
        left, pieces = SLICE_BYTES, 0
        while (inflating := self._inflating) is not None and not self._is_held and not self.is_closing():
            if self._ending and inflating.is_flushed:
                self._hand_back(inflating.rest())
                return
            if left <= 0 or pieces >= _PIECES_MAX:
                self._pause(on=True)
                self._again()
                return
            octets = self._take(inflating, left)
            if octets is None:
                break
            left, pieces = left - len(octets), pieces + 1
            if octets:
                self._over.data_received(octets)
        if not self._is_held:
            self._pause(on=False)
            if self._ended:
                self._inflating = None
                self._over.eof_received()

    def _take(self, inflating: Inflating, most: int) -> bytes | None:
        try:
            octets = inflating.take(most)
        except Garbled:
            octets, garbled = None, True
        else:
            garbled = bool(octets) and self._ending  # compressed, behind the end of what is
        if garbled:
            self._inflating = None
            self._garbled()
            return None
        return octets

    def _again(self) -> None:
        if self._turn is None and self._inflating is not None:
            self._turn = asyncio.get_running_loop().call_soon(self._pump)

    def _pause(self, *, on: bool) -> None:
        if on is self._is_paused or self._under.is_closing():
            return
        self._is_paused = on
        if on:
            self._under.pause_reading()
        else:
            self._under.resume_reading()

    def _hand_back(self, rest: bytes) -> None:
        """The transport is the protocol's own again."""
        self._inflating = None
        self._pause(on=False)
        self._under.set_protocol(self._over)
        if rest:
            self._over.data_received(rest)
        if self._ended:
            self._over.eof_received()

    # deflating

    def _send(self, data: bytes) -> None:
        self._under.write(self._deflaters.of(self).deflated(data))

    def _soon(self) -> None:
        if self._sending is None and self._waiting and not self._is_clogged:
            self._sending = asyncio.get_running_loop().call_soon(self._deflate)

    def _deflate(self) -> None:
        """A slice of what waits."""
        self._sending = None
        if self._waiting and not self._is_clogged:
            data = self._waiting.popleft()
            self._waiting_bytes -= len(data)
            self._send(data)
            self._say()
            self._soon()
        if self._is_closing and not self._waiting:
            self._under.close()

    def _say(self) -> None:
        """Tell the protocol to wait, or to go on."""
        full = self._is_clogged or self._waiting_bytes > self._high_bytes
        if full and not self._said_clogged:
            self._said_clogged = True
            self._over.pause_writing()
        elif self._said_clogged and not self._is_clogged and not self._waiting:
            self._said_clogged = False
            self._over.resume_writing()

    def _stop(self) -> None:
        self._deflaters.forget(self)
        self._inflating = None
        self._waiting.clear()
        self._waiting_bytes = 0
        for handle in (self._turn, self._sending):
            if handle is not None:
                handle.cancel()
        self._turn = self._sending = None

"""One connection to a milter: bytes between the transport and the protocol machine, and a deadline for each exchange.

The law: every wait is bounded, and so is what is held of what the milter sends: the machine refuses more. A connection
that failed once is closed and never used again.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, cast

from cluster.errors import Misconfigured, Unavailable
from gateway.milter.settings import MilterSettings, Where
from mail.milter.errors import ProtocolError
from mail.milter.machine import Client, Outcome

_WRITE_BYTES: Final = 512 * 1024  # waiting in the transport; two pieces of what the machine gives

Dial = Callable[[Where, "Callable[[], Connection]", ssl.SSLContext | None, str], Awaitable[None]]
Tell = Callable[[Client], None]


class Failed(Unavailable):
    """The milter is down, slow, or does not keep to the protocol."""


def failed(why: str) -> Failed:
    """The trouble of this; what the client hears says nothing of the filter."""
    return Failed("A filter does not answer; try again later", log=why)


class Connection(asyncio.Protocol):
    """Fed by the event loop; one exchange at a time."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._transport: asyncio.Transport | None = None
        self._why: Exception | None = None
        self._wakeup: asyncio.Future[None] | None = None
        self._is_paused = False

    # -- called by the event loop ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_BYTES)

    def data_received(self, data: bytes) -> None:
        """Bytes: to the machine, and wake who waits."""
        try:
            self.client.receive(data)
        except ProtocolError as error:
            self._fail(error)
        else:
            self._say()

    def eof_received(self) -> bool:
        """It will say no more: of no use."""
        self._fail(ConnectionError("it closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        self._fail(exc or ConnectionError("it closed the connection"))

    def pause_writing(self) -> None:
        """It reads slowly."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """It has read."""
        self._is_paused = False
        self._say()

    # -- called by a filter ----------------------------------------------------------------------------------------

    async def ask(self, tell: Tell, seconds: float) -> Outcome:
        """One exchange, which `tell` begins. Raises Failed; then the connection is closed."""
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(tell)
        except TimeoutError:
            self._fail(TimeoutError(f"no answer within {seconds:g} s"))
            raise failed(str(self._why)) from None
        except ConnectionError as error:
            raise failed(str(error)) from error
        except BaseException:  # cancelled in the middle: what comes would be taken for the next answer
            self._fail(ConnectionError("given up"))
            raise

    async def _exchange(self, tell: Tell) -> Outcome:
        self._check()
        tell(self.client)
        self._say()
        while self.client.outcome is None:
            self._wakeup = asyncio.get_running_loop().create_future()
            await self._wakeup
            self._check()
        return self.client.outcome

    def _say(self) -> None:
        """Write what may be said by now; wake who waits when the exchange has ended."""
        client = self.client
        while client.may_speak and not self._is_paused:
            if data := client.outgoing():
                self._active().write(data)
        if client.outcome is not None:
            self._wake()

    def close(self) -> None:
        """Say QUIT and go, without waiting for anything."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._why is None and self.client.is_idle:
            self.client.quit()
            self._transport.write(self.client.outgoing())
        self._why = self._why or ConnectionError("closed")
        self._transport.close()

    def _check(self) -> None:
        if self._why is not None:
            raise ConnectionError(str(self._why) or type(self._why).__name__) from self._why

    def _fail(self, why: Exception) -> None:
        self._why = self._why or why
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)
        self._wakeup = None

    def _active(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport


async def dial(where: Where, factory: Callable[[], Connection], tls: ssl.SSLContext | None, name: str) -> None:
    """Connect over the network; raises OSError (ssl.SSLError is one)."""
    loop = asyncio.get_running_loop()
    server = (name or where.host or None) if tls else None
    if where.path:
        await loop.create_unix_connection(factory, where.path, ssl=tls, server_hostname=server)
    else:
        await loop.create_connection(factory, where.host, where.port, ssl=tls, server_hostname=server)


async def connect(settings: MilterSettings, tls: ssl.SSLContext | None, dial: Dial = dial) -> Connection:
    """A connection with its options agreed on. Raises Failed."""
    connection = Connection(Client(settings.offer(), settings.limits()))
    try:
        async with asyncio.timeout(settings.connect_s):
            await dial(settings.where(), lambda: connection, tls, settings.tls_name)
            await connection.ask(Client.negotiate, settings.connect_s)
    except TimeoutError:
        raise failed(f"no connection within {settings.connect_s:g} s") from None
    except OSError as error:
        raise failed(f"no connection to {settings.address}: {error.strerror or error}") from error
    return connection


def tls_context(settings: MilterSettings) -> ssl.SSLContext | None:
    """The context for TLS to this milter, None without. Raises Misconfigured."""
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca or None)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            f"The authorities {settings.tls_ca} of the milter {settings.name!r} cannot be read: {error}. "
            "Give a PEM file that this user may read."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
    if settings.where().path and not settings.tls_name:
        raise Misconfigured(f"The milter {settings.name!r} needs tls_name: a Unix socket has no name to verify.")
    return context

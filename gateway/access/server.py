"""The listeners of one protocol of mail access: who may connect, how long they may be silent, and how it stops.

The law: every connection is counted, swept and told goodbye; `close` ends within its bound whatever clients do.
"""

import asyncio
import socket
import ssl
from abc import abstractmethod
from collections.abc import Callable
from typing import Final

from gateway.access.connection import READ_BYTES, STRANGER_BYTES, TLS_CLOSE_S, Connection
from gateway.access.parts import Services
from gateway.counts import Connections, Counts
from gateway.login import Principal
from gateway.proxy import ProxyServer, Relays
from gateway.sentry import Sentry

LOOK_S: Final = 30.0  # how late a login that is revoked ends what it opened: 20,000 connections cost 2 % of a core so
SWEEP_S: Final = 5.0  # how late a timeout may be noticed; one timer for all connections instead of one each
_BACKLOG: Final = 1024  # connections the kernel holds while we are busy
_HANDSHAKE_S: Final = 20.0  # for TLS; a client on a slow line needs a few seconds
_ID_BITS: Final = 48  # of a connection's id in the log: unique for years of a busy server
_REFUSALS: Final = {
    "": "",
    "total": "Too many connections; try again later",
    "address": "Too many connections from your address",
}


class Server:
    """All listeners of the protocol in a process, and their connections."""

    def __init__(self, services: Services, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.room = memoryview(bytearray(READ_BYTES))
        self.small_room = self.room[:STRANGER_BYTES]
        self._services = services
        self._listeners: list[asyncio.Server | ProxyServer] = []
        settings = services.settings
        self._connections: Connections[Connection] = Connections(
            services.metrics, settings.connections_max, settings.connections_per_ip_max
        )
        self._per_account: Counts[int] = Counts()
        self._sentry = Sentry(services.directory.stands, services.clock, look_s=LOOK_S)
        self._soon: list[Callable[[], None]] = []
        self._sweeper: asyncio.TimerHandle | None = None

    @abstractmethod
    def _connection(self, number: str, *, secure: bool, ip: str) -> Connection:
        """A connection of the protocol. `ip`: where a relay has told it."""

    async def listen(self, sock: socket.socket, *, implicit_tls: bool = False, behind: Relays | None = None) -> None:
        """Serve a bound socket; with `implicit_tls` TLS comes first (RFC 8314), else STARTTLS is offered.

        `behind`: the relays in front of it, that tell where a connection comes from.
        """
        if implicit_tls and self.tls is None:
            raise ValueError("implicit TLS needs a certificate")
        loop = asyncio.get_running_loop()
        tls = self.tls if implicit_tls else None
        make = self._factory(secure=implicit_tls)
        if behind is not None:
            log = self._services.log
            self._listeners.append(
                ProxyServer(sock, behind, make, log, tls=tls, handshake_s=_HANDSHAKE_S, shutdown_s=TLS_CLOSE_S)
            )
        else:
            server = await loop.create_server(
                make,
                sock=sock,
                ssl=tls,
                ssl_handshake_timeout=_HANDSHAKE_S if tls else None,
                ssl_shutdown_timeout=TLS_CLOSE_S if tls else None,
                backlog=_BACKLOG,
            )
            self._listeners.append(server)
        if self._sweeper is None:
            self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    async def close(self) -> None:
        """Take nothing new, let running commands end, say goodbye; cut off whoever is left after `drain_s`."""
        for listener in self._listeners:
            listener.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in self._connections:
            connection.stop()
        if not await self._connections.all_closed(self._services.settings.drain_s):
            for connection in self._connections:
                connection.abort()
            await asyncio.sleep(0)

    def opened(self, connection: Connection) -> str:
        """Count a new connection; the reason to refuse it, or an empty string."""
        return _REFUSALS[self._connections.opened(connection)]

    def closed(self, connection: Connection) -> None:
        """The connection is no more."""
        self._connections.closed(connection)

    def arrived(self, account: int) -> bool:
        """Count a connection for an account; False: it has too many.

        For this gateway alone: over the cluster each connection would cost a commit when it comes, when it goes, and
        every forty seconds that it lasts (the leases of actors/throttle), ten thousand idle ones 250 a second.
        """
        return self._per_account.begin(account, self._services.settings.connections_per_account_max)

    def departed(self, account: int) -> None:
        """One less."""
        self._per_account.end(account)

    def guarded(self, principal: Principal, end: Callable[[], None]) -> Callable[[], None]:
        """Call `end` once what somebody has logged in with is good no more, until what is answered is called. A token
        whose time is over ends nothing: what counts is the grant behind it."""
        return self._sentry.hold(principal, end)

    def soon(self, work: Callable[[], None]) -> None:
        """Do this in the next turn of the event loop. One callback does it for all connections: when a thousand are
        told of a change, that is a third of it."""
        if not self._soon:
            asyncio.get_running_loop().call_soon(self._do)
        self._soon.append(work)

    def _do(self) -> None:
        soon, self._soon = self._soon, []
        for work in soon:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - one connection's defect must not keep others waiting
                asyncio.get_running_loop().call_exception_handler({"message": "Work failed", "exception": error})

    def _factory(self, *, secure: bool) -> Callable[..., Connection]:
        """What makes a listener's connections; it may be given the client's address."""

        def make(ip: str = "") -> Connection:
            number = f"{self._services.dice.getrandbits(_ID_BITS):012x}"
            return self._connection(number, secure=secure, ip=ip)

        return make

    def _sweep(self) -> None:
        """Close whoever is over its time, and let each do what only time makes due."""
        now = self._services.clock.monotonic()
        for connection in [one for one in self._connections if one.deadline < now]:
            connection.expired()
        for connection in self._connections:
            connection.swept(now)
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

"""The HTTPS listeners of one process: who may connect, how long who may be slow, and how it stops.

The law: every connection is counted and swept; `close` ends within its bound whatever clients and handlers do; there is
no HTTP without TLS but to a relay that the operator trusts with it.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from gateway.counts import Connections
from gateway.proxy import ProxyServer, Relays
from gateway.web.app import Application
from gateway.web.parts import WebServices
from gateway.web.room import Room
from gateway.web.router import Router

if TYPE_CHECKING:
    from gateway.web.connection import Connection

SWEEP_S: Final = 2.0  # how late a timeout may be noticed; one timer for all connections instead of one each
_BACKLOG: Final = 1024  # connections the kernel holds while we are busy
_HANDSHAKE_S: Final = 20.0  # for TLS; a client on a slow line needs a few seconds
_TLS_CLOSE_S: Final = 1.0  # for the client's close_notify
_ID_BITS: Final = 48  # of a connection's id in the log: unique for years of a busy server


class WebServer:
    """All HTTPS listeners of one process. Routes are added before the first `listen`."""

    def __init__(self, router: Router, services: WebServices, tls: ssl.SSLContext | None) -> None:
        """Raises Misconfigured."""
        self.services = services
        self._application = Application(router, services)
        self._tls = tls
        self._listeners: list[asyncio.Server | ProxyServer] = []
        settings = services.settings
        self._connections: Connections[Connection] = Connections(
            services.metrics, settings.connections_max, settings.connections_per_ip_max
        )
        self.room = Room(settings.memory_bytes_max)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self.received_bytes = 0  # since the last sweep: two counters less for each request
        self.sent_bytes = 0

    async def listen(self, sock: socket.socket, *, behind: Relays | None = None, plain: bool = False) -> None:
        """Serve a bound socket. `behind`: the relays in front of it, that tell where a connection comes from. `plain`:
        they have TLS, and are the only ones that may connect."""
        if plain and (behind is None or behind.others != "refuse"):
            raise ValueError("without TLS only a relay may connect")
        if not plain and self._tls is None:
            raise ValueError("TLS needs a certificate")
        loop, make = asyncio.get_running_loop(), self._factory()
        tls = None if plain else self._tls
        if behind is not None:
            log = self.services.log
            self._listeners.append(
                ProxyServer(sock, behind, make, log, tls=tls, handshake_s=_HANDSHAKE_S, shutdown_s=_TLS_CLOSE_S)
            )
        else:
            server = await loop.create_server(
                make,
                sock=sock,
                ssl=tls,
                ssl_handshake_timeout=_HANDSHAKE_S,
                ssl_shutdown_timeout=_TLS_CLOSE_S,
                backlog=_BACKLOG,
            )
            self._listeners.append(server)
        if self._sweeper is None:
            self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    async def close(self) -> None:
        """Take nothing new, let running requests end, tell streams to; cut off whoever is left after `drain_s`."""
        for listener in self._listeners:
            listener.close()
        for connection in self._connections:
            connection.stop()
        if not await self._connections.all_closed(self.services.settings.drain_s):
            for connection in self._connections:
                connection.abort()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.sleep(0)
        if self._sweeper is not None:
            self._sweeper.cancel()

    def opened(self, connection: "Connection") -> str:
        """Count a new connection; the reason to refuse it, or an empty string."""
        return self._connections.opened(connection)

    def closed(self, connection: "Connection") -> None:
        """The connection is no more."""
        self._connections.closed(connection)

    def _factory(self) -> Callable[..., "Connection"]:
        """What makes connections; it may be given the client's address."""
        from uvicorn.config import Config  # 0.1 s that a server without HTTPS does not need
        from uvicorn.server import ServerState

        from gateway.web.connection import Connection
        from gateway.web.upgraded import SocketProtocol

        settings = self.services.settings
        config = Config(
            self._application,
            http=Connection,
            ws=SocketProtocol,
            ws_max_size=settings.websocket_bytes_max,
            ws_ping_interval=settings.ping_s,
            ws_ping_timeout=settings.pong_s,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",  # what it would say is a stranger's to say: a line for each broken request
            access_log=False,
            proxy_headers=False,  # X-Forwarded-For is what anybody may write
            server_header=False,
            date_header=False,
            timeout_keep_alive=round(settings.idle_s) + 60,  # ours comes first
        )
        config.load()
        state = ServerState()
        state.tasks = self._tasks

        def make(ip: str = "") -> Connection:
            number = f"{self.services.dice.getrandbits(_ID_BITS):012x}"
            # Without TLS here the relay has it: see `listen`.
            return Connection(self, config, state, number, ip=ip, secure=True)

        return make

    def _sweep(self) -> None:
        """End whoever is over its time."""
        now, metrics = self.services.clock.monotonic(), self.services.metrics
        metrics.bytes_in.inc(self.received_bytes)
        metrics.bytes_out.inc(self.sent_bytes)
        self.received_bytes = self.sent_bytes = 0
        for connection in [one for one in self._connections if one.deadline < now]:
            connection.expired()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

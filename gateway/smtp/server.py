"""The listeners: who may connect, who is let go, and how it all ends.

Laws. Connections are bounded, in all and for each address. `close` returns within its bound, after every message that
could still be answered was answered.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Literal

from gateway.binding import can_bind
from gateway.counts import Counts
from gateway.proxy import ProxyServer, Relays
from gateway.smtp import replies
from gateway.smtp.connection import TLS_HANDSHAKE_S, Connection
from gateway.smtp.memory import Memory
from gateway.smtp.metrics import ListenerMetrics, Metrics
from gateway.smtp.offering import Offering
from gateway.smtp.session import Place, Session
from gateway.smtp.world import World
from mail.smtp.machine import Server
from mail.smtp.replies import Reply
from mail.smtp.states import Role

Tls = Literal["none", "starttls", "implicit"]

SWEEP_S = 1.0  # how late an idle client may be let go
GOODBYE_S = 0.5  # for the last words to those who were not done in time
BACKLOG = 1024  # connections the kernel holds while we are busy: a burst, not an attack


class SmtpServer:
    """All SMTP, submission and LMTP listeners of one process."""

    def __init__(self, world: World, metrics: Metrics, *, tls: ssl.SSLContext | None) -> None:
        """`tls`: the server's certificate; None when no listener needs one."""
        self._host_name = world.host_name
        self._world = world
        self._settings = world.settings
        self._metrics = metrics
        self._tls = tls
        self._memory = Memory(world.settings.memory_bytes_max)
        self._servers: list[asyncio.Server | ProxyServer] = []
        self._open: set[Connection] = set()
        self._by_ip: Counts[str] = Counts()
        self._sweeper: asyncio.Task[None] | None = None
        self._closing = False

    async def listen(self, sock: socket.socket, role: Role, tls: Tls, *, behind: Relays | None = None) -> None:
        """Serve a bound socket. `tls`: never, offered (RFC 3207), or from the first byte (RFC 8314).

        `behind`: the relays in front of it, that tell where a connection comes from.
        """
        if tls != "none" and self._tls is None:
            raise ValueError("TLS needs a certificate")
        implicit = self._tls if tls == "implicit" else None
        make = self._factory(role, tls)
        if behind is not None:
            log = self._world.log
            self._servers.append(ProxyServer(sock, behind, make, log, tls=implicit, handshake_s=TLS_HANDSHAKE_S))
        else:
            server = await asyncio.get_running_loop().create_server(
                make,
                sock=sock,
                ssl=implicit,
                ssl_handshake_timeout=TLS_HANDSHAKE_S if implicit else None,
                backlog=BACKLOG,
            )
            self._servers.append(server)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    async def close(self) -> None:
        """Take no more, tell who is idle, finish messages on their way, and close; bounded by `drain_s`."""
        self._closing = True
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in tuple(self._open):
            connection.drain()
        tasks = [connection.task for connection in self._open if connection.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.drain_s)
            for connection in tuple(self._open):
                connection.give_up()
            _, late = await asyncio.wait(tasks, timeout=GOODBYE_S)
            for task in late:
                task.cancel()
            if late:  # each tells its client, and gives back what it holds
                await asyncio.wait(late, timeout=GOODBYE_S)
        for connection in tuple(self._open):
            connection.abort()

    def _factory(self, role: Role, tls: Tls) -> Callable[..., Connection]:
        """What makes a listener's connections; it may be given the client's address."""
        name = f"{role.value}-{tls}"
        metrics = ListenerMetrics(self._metrics, name)
        newlines = self._settings.newlines()
        offering = self._offering(role, tls)

        by_rule = None if offering.is_plain else offering

        def on_open(connection: Connection, ip: str) -> Session | Reply:
            if self._closing:  # a handshake that began before
                return replies.SHUTTING_DOWN
            if not self._admit(connection, ip):
                metrics.turned_away.inc()
                self._world.log.info("smtp.turned_away", ip=ip, listener=name)
                return replies.TOO_MANY
            metrics.taken.inc()
            metrics.open.inc()
            machine = Server(
                role,
                self._host_name,
                offers=offering.plain if offering.is_plain else None,
                limits=offering.limits,
                newlines=newlines,
                tls=tls == "implicit",
            )
            ident = self._world.dice.randbytes(6).hex()
            # Our own end is for rules and filters only: to ask for it costs as much as reading a command.
            asked = self._world.keepers is not None
            place = Place(name, *connection.ends) if asked else Place(name, connection.peer_port, "", 0)
            return Session(
                machine, self._world, metrics, self._memory, ip=ip, ident=ident, place=place, by_rule=by_rule
            )

        def on_close(connection: Connection) -> None:
            if connection in self._open:
                self._forget(connection)
                metrics.open.dec()

        return lambda ip="": Connection(
            settings=self._settings,
            log=self._world.log,
            tls=self._tls,
            memory=self._memory,
            on_open=on_open,
            on_close=on_close,
            ip=ip,
        )

    def _offering(self, role: Role, tls: Tls) -> Offering:
        """What a listener's connections are offered, as they go on."""
        world = self._world
        offering = Offering(
            world.settings, role, world.directory, world.clock, starttls=tls == "starttls", bound=can_bind(self._tls)
        )
        if not offering.is_plain and world.keepers is None:
            raise ValueError("offers by rule need keepers")
        return offering

    def _admit(self, connection: Connection, ip: str) -> bool:
        settings = self._settings
        if len(self._open) >= settings.connections_max or not self._by_ip.begin(ip, settings.connections_per_ip_max):
            return False
        self._open.add(connection)
        return True

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._by_ip.end(connection.ip)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s = loop.time()
            for connection in tuple(self._open):
                connection.sweep(now_s)

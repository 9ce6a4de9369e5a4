"""Listening behind a relay that says in front of each connection where it comes from (the PROXY protocol, mail.proxy).

The law: only the networks that are named may say so, and they must; the header is read byte for byte, so that nothing
of what follows (TLS, a command) is taken with it; who does not finish a header in HEADER_S is let go.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple, Protocol

from cluster.errors import Misconfigured
from mail import proxy

HEADER_S: Final = 5.0  # a relay sends the header at once
PENDING_MAX: Final = 1000  # connections whose header has not come
BACKLOG: Final = 1024  # connections the kernel holds while we are busy
AGAIN_S: Final = 1.0  # after an accept that failed, for lack of descriptors say

Others = Literal["refuse", "direct"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Log(Protocol):
    """A structlog logger, or one that behaves like it."""

    def info(self, event: str, **fields: object) -> object:
        """What happened."""
        ...


class Relays(NamedTuple):
    """Who must begin with a header, and what becomes of everybody else."""

    networks: tuple[Network, ...]
    others: Others = "refuse"

    def has(self, ip: str) -> bool:
        """Whether this is one of them."""
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        return any(address in network for network in self.networks)


def relays(networks: Sequence[str], others: Others = "refuse") -> Relays | None:
    """From the settings of a listener; None where it has none. Raises Misconfigured."""
    try:
        found = tuple(ipaddress.ip_network(network) for network in networks)
    except ValueError as error:
        raise Misconfigured(f"listen.proxy_from: {error}; give networks such as 10.0.0.0/8.") from error
    return Relays(found, others) if found else None


def ip_of(peer: object) -> str:
    """The address of a peer name in its shortest form; a Unix socket is as local as can be."""
    if not isinstance(peer, tuple):
        return "127.0.0.1"
    return str(peer[0]).partition("%")[0].removeprefix("::ffff:")


class ProxyServer:
    """One listening socket behind relays; `make` is given the client's address, and makes what speaks with it."""

    def __init__(
        self,
        sock: socket.socket,
        who: Relays,
        make: Callable[[str], asyncio.BaseProtocol],
        log: Log,
        *,
        tls: ssl.SSLContext | None,
        handshake_s: float,
        shutdown_s: float | None = None,
    ) -> None:
        """`tls`: for TLS from the first byte behind the header; what the handshake may take, and the goodbye."""
        self._sock = sock
        self._who = who
        self._make = make
        self._log = log
        self._tls = tls
        self._handshake_s = handshake_s if tls is not None else None
        self._shutdown_s = shutdown_s if tls is not None else None
        self._pending: set[asyncio.Task[None]] = set()
        sock.listen(BACKLOG)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    def close(self) -> None:
        """Take no more; whose header has not come is let go."""
        self._accepting.cancel()
        for task in self._pending:
            task.cancel()
        self._sock.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                made, peer = await loop.sock_accept(self._sock)
            except OSError as error:
                self._log.info("proxy.accept", why=str(error))
                await asyncio.sleep(AGAIN_S)
                continue
            if len(self._pending) >= PENDING_MAX:
                made.close()
                continue
            task = loop.create_task(self._take(made, ip_of(peer)))
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    async def _take(self, made: socket.socket, peer: str) -> None:
        """From a fresh socket to a connection that is served."""
        handed_over = False
        try:
            async with asyncio.timeout(HEADER_S):
                ip = await self._client(made, peer)
            if ip:
                handed_over = True
                await self._serve(made, ip)
        except (OSError, ssl.SSLError, TimeoutError, proxy.BadHeader) as error:
            self._log.info("proxy.refused", ip=peer, why=str(error) or type(error).__name__)
        finally:
            if not handed_over:
                made.close()

    async def _client(self, made: socket.socket, peer: str) -> str:
        """The address to go by; empty for who is refused. Raises BadHeader."""
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._who.has(peer):
            header = await _read(made)
            return header.source.ip if header.source is not None else peer
        if self._who.others == "direct":
            return peer
        self._log.info("proxy.refused", ip=peer, why="not one of proxy_from")
        return ""

    async def _serve(self, made: socket.socket, ip: str) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: self._make(ip),
            made,
            ssl=self._tls,
            ssl_handshake_timeout=self._handshake_s,
            ssl_shutdown_timeout=self._shutdown_s,
        )


async def _read(made: socket.socket) -> proxy.Header:
    """The header, and not a byte more. Raises BadHeader, also when the connection ends in it."""
    loop = asyncio.get_running_loop()
    data = b""
    while True:
        more = await loop.sock_recv(made, proxy.wanted(data) - len(data))
        if not more:
            raise proxy.BadHeader("ended within the header")
        data += more
        header = proxy.parse(data)
        if header is not None:
            return header

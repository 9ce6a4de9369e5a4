"""The admin service on its socket, and on the network: start, and a stop that lets calls finish within a bound.

The law: the socket is in a directory that only the server's user may enter, and is itself for that user alone, so
passwords may travel over it; on the network there is no way in without TLS (access.py). gRPC is imported when the
service starts, not when this module is.
"""

import asyncio
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluster.errors import Misconfigured
from ops.admin.limits import CALL_BYTES_MAX
from ops.admin.settings import AdminSettings

if TYPE_CHECKING:
    import grpc

    from actors.queue.client import QueueClient
    from ops.admin.access import Access
    from ops.admin.audit import Audit
    from ops.admin.cluster import ClusterParts
    from ops.admin.reports import SendNow
    from ops.admin.service import AdminService
    from ops.admin.signing import Shown
    from ops.core import Core

SOCKET: Final = "admin.sock"
SOCKET_PATH_BYTES_MAX: Final = 107  # sockaddr_un has 108 with the closing zero, see unix(7)
_BY_DESCRIPTOR: Final = Path("/proc/self/fd")
STREAMS_MAX: Final = 100  # calls at once on one connection
WINDOW_BYTES: Final = 4 * 1024 * 1024  # read ahead on a stream: one batch of an import
DRAIN_S: Final = 5.0  # an import in progress is cut; its client begins again where it was
OPTIONS: Final = (
    ("grpc.max_receive_message_length", CALL_BYTES_MAX),
    ("grpc.max_send_message_length", CALL_BYTES_MAX),
    ("grpc.max_concurrent_streams", STREAMS_MAX),
    ("grpc.http2.lookahead_bytes", WINDOW_BYTES),
)


def socket_path(path: Path) -> str:
    """The path, in a form that fits a socket's address: through /proc where it is itself too long.

    Its directory must exist. Raises Misconfigured where there is no /proc.
    """
    full = path.absolute()
    if len(os.fsencode(full)) <= SOCKET_PATH_BYTES_MAX:
        return str(full)
    if not _BY_DESCRIPTOR.is_dir():
        raise Misconfigured(
            f"{full} is too long for a socket ({SOCKET_PATH_BYTES_MAX} bytes): use a shorter data directory."
        )
    return str(_BY_DESCRIPTOR / str(_directory(full.parent)) / full.name)


@lru_cache(maxsize=16)  # a process has one data directory or two; the descriptor stays open for it
def _directory(path: Path) -> int:
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def socket_address(path: Path) -> str:
    """gRPC's name of a Unix socket."""
    return f"unix:{socket_path(path)}"


class AdminServer:
    """Serves the admin service on a Unix socket, and on the network where that is set."""

    def __init__(
        self,
        service: "AdminService",
        audit: "Audit",
        path: Path,
        *,
        network: AdminSettings | None = None,
        shared: bool = False,
        drain_s: float = DRAIN_S,
    ) -> None:
        """`path`: the socket, in a directory that becomes its owner's alone. `shared`: others like this one may be on
        the same port of the network. `drain_s`: how long `stop` may take."""
        self.service = service
        self.audit = audit
        self._drain_s = drain_s
        self._options = (*OPTIONS, ("grpc.so_reuseport", int(shared)))
        self._path = path
        self._network = network if network is not None and network.host else None
        self._servers: list[grpc.aio.Server] = []
        self.port = 0  # on the network, once started

    @classmethod
    def over(
        cls,
        core: "Core",
        path: Path,
        *,
        version: str,
        settings: AdminSettings | None = None,
        cluster: "ClusterParts | None" = None,
        queue: "QueueClient | None" = None,
        shown: "Shown | None" = None,
        send_reports: "SendNow | None" = None,
        drain_s: float = DRAIN_S,
    ) -> "AdminServer":
        """The service over what a server holds; `cluster` where it is part of a cluster, whose gateways all serve the
        same: those of one machine share the port. `queue`: another than the server's own. `shown`: what it may tell
        others of itself. `send_reports`: sends those of the days that have ended."""
        from ops.admin.audit import Audit
        from ops.admin.service import AdminService
        from ops.admin.signing import Shown

        settings = settings or AdminSettings()
        audit = Audit(core.store, core.clock, core.dice, keep_days=settings.audit_days)
        service = AdminService(
            core.directory,
            core.mailboxes,
            core.traces,
            core.reports,
            core.search,
            core.clock,
            version,
            audit,
            cluster,
            queue or core.queue,
            shown or Shown(),
            send_reports,
        )
        return cls(service, audit, path, network=settings, shared=cluster is not None, drain_s=drain_s)

    async def start(self) -> None:
        """Listen. The caller holds the data directory's lock, so a socket that is there is nobody's.

        Raises Misconfigured.
        """
        from ops.admin.access import Local, Network

        address = socket_address(self._path)
        local = self._server(Local())
        try:
            self._path.parent.chmod(0o700)
            self._path.unlink(missing_ok=True)
            local.add_insecure_port(address)
            self._path.chmod(0o600)
        except (OSError, RuntimeError) as error:
            raise Misconfigured(f"The admin service cannot listen on {self._path}: {error}") from error
        if self._network is not None:
            door = self._network
            remote = self._server(Network(door.token, certificates=bool(door.authority)))
            self.port = _listen(remote, door)
        for server in self._servers:
            await server.start()
        await self.service.enter()

    def _server(self, access: "Access") -> "grpc.aio.Server":
        import grpc

        from ops.admin.edge import Edge

        server = grpc.aio.server(interceptors=(Edge(access, self.audit),), options=self._options)
        self.service.add_to(server)
        self._servers.append(server)
        return server

    async def stop(self) -> None:
        """Take no more calls, let those under way finish within the drain's time, then end them."""
        if self._servers:
            await self.service.leave()
            await asyncio.gather(*(server.stop(self._drain_s) for server in self._servers))
            self._path.unlink(missing_ok=True)
            self._servers = []


def _listen(server: "grpc.aio.Server", door: AdminSettings) -> int:
    """The port on the network; always with TLS. Raises Misconfigured."""
    import grpc

    if not door.certificate:
        raise Misconfigured("The admin service on the network needs [admin] certificate and key.")
    try:
        pair = Path(door.key or door.certificate).read_bytes(), Path(door.certificate).read_bytes()
        authority = Path(door.authority).read_bytes() if door.authority else None
        credentials = grpc.ssl_server_credentials([pair], authority, require_client_auth=bool(authority))
        host = f"[{door.host}]" if ":" in door.host else door.host
        port = server.add_secure_port(f"{host}:{door.port}", credentials)
    except (OSError, RuntimeError, ValueError) as error:
        raise Misconfigured(f"The admin service cannot listen on {door.host} port {door.port}: {error}") from error
    return int(port)

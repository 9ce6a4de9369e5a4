"""The admin service as one thing: what it needs of a server, and its parts put together."""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

import grpc
import msgspec
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from actors.directory.client import DirectoryClient
from actors.mailbox.client import MailboxClient
from actors.queue.client import QueueClient
from actors.report.client import Ledger
from actors.search.client import SearchClient
from actors.trace.client import TraceClient
from cluster.clock import Clock
from ops.admin.audit import Audit
from ops.admin.cluster import ClusterParts, ClusterService
from ops.admin.directory import Context, DirectoryService
from ops.admin.mailboxes import MailboxService
from ops.admin.queue import QueueService
from ops.admin.reports import ReportService, SendNow
from ops.admin.search import SearchService
from ops.admin.signing import Shown
from ops.admin.traces import TraceService
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

PACKAGE: Final = "rookery.admin.v1"
CHANGES: Final = 100  # told unless asked for another number


class ServerService(admin_pb2_grpc.ServerServicer):
    """The calls of rookery.admin.v1.Server, as the schema tells them."""

    def __init__(self, clock: Clock, version: str) -> None:
        self._version = version
        self._started_ms = clock.now_ms()

    async def GetStatus(self, request: pb.GetStatusRequest, context: Context) -> pb.Status:
        """What runs, and since when."""
        return pb.Status(version=self._version, started_ms=self._started_ms, process=os.getpid())


class AuditService(admin_pb2_grpc.AuditServicer):
    """The calls of rookery.admin.v1.Audit, as the schema tells them."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def ListChanges(self, request: pb.ListChangesRequest, context: Context) -> AsyncIterator[pb.Change]:
        """From the newest back."""
        async for change in self._audit.newest(request.limit or CHANGES, request.before_ms):
            yield pb.Change(**msgspec.structs.asdict(change))


class AdminService:
    """All of rookery.admin.v1, over one server's directory and mailboxes, with gRPC's own health and reflection."""

    def __init__(
        self,
        directory: DirectoryClient,
        mailboxes: MailboxClient,
        traces: TraceClient,
        reports: Ledger,
        search: SearchClient,
        clock: Clock,
        version: str,
        audit: Audit,
        cluster: ClusterParts | None = None,
        queue: QueueClient | None = None,
        shown: Shown = Shown(),  # noqa: B008
        send_reports: SendNow | None = None,
    ) -> None:
        add = admin_pb2_grpc
        self._services: dict[str, Callable[[grpc.aio.Server], None]] = {
            "Directory": partial(add.add_DirectoryServicer_to_server, DirectoryService(directory, mailboxes, shown)),
            "Mailboxes": partial(add.add_MailboxesServicer_to_server, MailboxService(directory, mailboxes, clock)),
            "Server": partial(add.add_ServerServicer_to_server, ServerService(clock, version)),
            "Audit": partial(add.add_AuditServicer_to_server, AuditService(audit)),
            "Traces": partial(add.add_TracesServicer_to_server, TraceService(traces)),
            "Search": partial(add.add_SearchServicer_to_server, SearchService(directory, search)),
            "Reports": partial(add.add_ReportsServicer_to_server, ReportService(reports, clock, send_reports)),
        }
        # What is not there is not served, and so not told of by reflection.
        if cluster is not None:
            clustered = ClusterService(cluster, directory, clock)
            self._services["Cluster"] = partial(add.add_ClusterServicer_to_server, clustered)
        if queue is not None:
            self._services["Queue"] = partial(add.add_QueueServicer_to_server, QueueService(queue, shown.routes))
        self._health = HealthServicer()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register every service, health and reflection."""
        for add in self._services.values():
            add(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection([*self._names(), health.SERVICE_NAME, reflection.SERVICE_NAME], server)

    async def enter(self) -> None:
        """Say of each service that it serves."""
        for name in ("", *self._names()):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    def _names(self) -> list[str]:
        return [f"{PACKAGE}.{name}" for name in self._services]

    async def leave(self) -> None:
        """Say that all of it is about to end."""
        await self._health.enter_graceful_shutdown()

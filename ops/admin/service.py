"""The admin service as one thing: what it needs of a server, and its parts put together."""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
import os
from collections.abc import AsyncIterator
from typing import Any, Final

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
    """All of rookery.admin.v1, over one server's directory and mailboxes, with gRPC's own health and reflection.

    `servicers`: what carries out the calls of each service, for gRPC and for the HTTP API alike."""

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
        self.servicers: dict[str, Any] = {
            "Directory": DirectoryService(directory, mailboxes, shown),
            "Mailboxes": MailboxService(directory, mailboxes, clock),
            "Server": ServerService(clock, version),
            "Audit": AuditService(audit),
            "Traces": TraceService(traces),
            "Search": SearchService(directory, search),
            "Reports": ReportService(reports, clock, send_reports),
        }
        # What is not there is not served, and so not told of by reflection.
        if cluster is not None:
            self.servicers["Cluster"] = ClusterService(cluster, directory, clock)
        if queue is not None:
            self.servicers["Queue"] = QueueService(queue, shown.routes)
        self._health = HealthServicer()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register every service, health and reflection."""
        for name, servicer in self.servicers.items():
            getattr(admin_pb2_grpc, f"add_{name}Servicer_to_server")(servicer, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection([*self._names(), health.SERVICE_NAME, reflection.SERVICE_NAME], server)

    async def enter(self) -> None:
        """Say of each service that it serves."""
        for name in ("", *self._names()):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    def _names(self) -> list[str]:
        return [f"{PACKAGE}.{name}" for name in self.servicers]

    async def leave(self) -> None:
        """Say that all of it is about to end."""
        await self._health.enter_graceful_shutdown()

"""The admin service as one thing: what it needs of a server, and its parts put together."""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
import os

import grpc

from actors.directory.client import DirectoryClient
from actors.mailbox.client import MailboxClient
from cluster.clock import Clock
from ops.admin.directory import Context, DirectoryService
from ops.admin.mailboxes import MailboxService
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc


class ServerService(admin_pb2_grpc.ServerServicer):
    """The calls of rookery.admin.v1.Server, as the schema tells them."""

    def __init__(self, clock: Clock, version: str) -> None:
        self._version = version
        self._started_ms = clock.now_ms()

    async def GetStatus(self, request: pb.GetStatusRequest, context: Context) -> pb.Status:
        """What runs, and since when."""
        return pb.Status(version=self._version, started_ms=self._started_ms, process=os.getpid())


class AdminService:
    """All of rookery.admin.v1, over one server's directory and mailboxes."""

    def __init__(self, directory: DirectoryClient, mailboxes: MailboxClient, clock: Clock, version: str) -> None:
        self._directory = DirectoryService(directory, mailboxes)
        self._mailboxes = MailboxService(directory, mailboxes, clock)
        self._server = ServerService(clock, version)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register every service."""
        admin_pb2_grpc.add_DirectoryServicer_to_server(self._directory, server)
        admin_pb2_grpc.add_MailboxesServicer_to_server(self._mailboxes, server)
        admin_pb2_grpc.add_ServerServicer_to_server(self._server, server)

"""How a command reaches the server of a data directory: the one that runs, or one that lives as long as the command.

The law: a command speaks gRPC to the admin service in both cases, so there is one way to do each thing. What only a
server needs is imported only where the command is one.
"""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click
import grpc

from cluster.errors import Locked, Misconfigured
from ops.admin.errors import from_status
from ops.admin.server import OPTIONS, SOCKET, AdminServer, socket_address, socket_path
from ops.cli.remote import channel_to, chosen, cure, remote_options
from ops.cli.version import current
from wire import admin_pb2_grpc

if TYPE_CHECKING:
    from ops.core import Core
    from ops.settings import StoreSettings

DEFAULT: Final = "rookery-data"
SQLITE_FILE: Final = "store.sqlite"  # what a store of that kind keeps its rows in
WAIT_S: Final = 5.0  # for another command to end, or a server that starts or stops
_POLL_S: Final = 0.1

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])


class Admin(NamedTuple):
    """The admin service as a client sees it."""

    directory: "admin_pb2_grpc.DirectoryAsyncStub"
    mailboxes: "admin_pb2_grpc.MailboxesAsyncStub"
    server: "admin_pb2_grpc.ServerAsyncStub"
    audit: "admin_pb2_grpc.AuditAsyncStub"
    cluster: "admin_pb2_grpc.ClusterAsyncStub"
    queue: "admin_pb2_grpc.QueueAsyncStub"
    traces: "admin_pb2_grpc.TracesAsyncStub"
    reports: "admin_pb2_grpc.ReportsAsyncStub"
    search: "admin_pb2_grpc.SearchAsyncStub"


def data_option(function: Function) -> Function:
    """The option that says which server is meant."""
    option = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        default=DEFAULT,
        envvar="ROOKERY_DATA",
        show_default=True,
        metavar="DIR",
        help="The server's data directory (or set ROOKERY_DATA).",
    )
    return remote_options(option(function))


def ask(data: Path, question: Callable[[Admin], Awaitable[T]]) -> T:
    """Run `question` with a connection to the server of `data`. Raises Trouble."""

    async def asking() -> T:
        async with connect(data) as admin:
            return await question(admin)

    try:
        return asyncio.run(asking())
    except grpc.aio.AioRpcError as error:
        raise from_status(error, cure(chosen(), error.details() or "")) from None


@asynccontextmanager
async def connect(data: Path) -> AsyncIterator[Admin]:
    """A connection to the server or the cluster that was chosen, else to the server of `data`. Raises Misconfigured."""
    remote = chosen()
    if remote.server:
        async with channel_to(remote, os.environ.get("ROOKERY_TOKEN", "")) as channel:
            yield _admin(channel)
        return
    if remote.config:
        async with _clustered(Path(remote.config)) as path, _channel(path) as channel:
            yield _admin(channel)
        return
    if not data.is_dir():  # noqa: ASYNC240 (nothing else runs in this loop yet)
        raise Misconfigured(
            f"There is no data directory {data}: start a server on it once, or name another with --data; a cluster is "
            "named with --config or --server."
        )
    async with _running(data) as path, _channel(path) as channel:
        yield _admin(channel)


def _channel(path: Path) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(socket_address(path), options=OPTIONS)


@asynccontextmanager
async def _clustered(config: Path) -> AsyncIterator[Path]:
    """The socket of a service for this command alone, over a cluster's parts. Raises Misconfigured, Unavailable."""
    from cluster.config import load
    from ops.roles.operator import operator
    from ops.settings import Settings

    async with operator(load(Settings, config, os.environ)) as path:
        yield path


def _admin(channel: grpc.aio.Channel) -> Admin:
    return Admin(
        admin_pb2_grpc.DirectoryStub(channel),
        admin_pb2_grpc.MailboxesStub(channel),
        admin_pb2_grpc.ServerStub(channel),
        admin_pb2_grpc.AuditStub(channel),
        admin_pb2_grpc.ClusterStub(channel),
        admin_pb2_grpc.QueueStub(channel),
        admin_pb2_grpc.TracesStub(channel),
        admin_pb2_grpc.ReportsStub(channel),
        admin_pb2_grpc.SearchStub(channel),
    )


@asynccontextmanager
async def _running(data: Path) -> AsyncIterator[Path]:
    """The socket of a server of `data`."""
    async with AsyncExitStack() as stack:
        core = await _opened(stack, data)
        if core is None:
            yield data / SOCKET
        else:
            yield await stack.enter_async_context(_serving(core))


async def _opened(stack: AsyncExitStack, data: Path) -> "Core | None":
    """The directory opened as its one owner; None where a server answers.

    Waits a little for another command to end, and for a server that starts or stops. Raises Misconfigured.
    """
    deadline = asyncio.get_running_loop().time() + WAIT_S
    if _answers(data / SOCKET):  # usual, and it needs nothing of what a server is made of
        return None
    from ops.core import opened

    stores = _stores_of(data)
    while not _answers(data / SOCKET):
        try:
            return await stack.enter_async_context(opened(data, stores))
        except Locked:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(_POLL_S)
    return None


def _stores_of(data: Path) -> "StoreSettings":
    """The stores that a server made in the directory; the defaults in an empty one. Raises Misconfigured."""
    from ops.core import blobs_elsewhere, stored_elsewhere
    from ops.settings import StoreSettings

    if kind := stored_elsewhere(data):
        raise Misconfigured(
            f"The store of {data} is in {kind}, which only a server knows how to reach: start it with its settings."
        )
    if kind := blobs_elsewhere(data):
        raise Misconfigured(
            f"The large messages of {data} are in {kind}, which only a server knows how to reach: start it with its "
            "settings."
        )
    return StoreSettings(
        kind="sqlite" if (data / "store" / SQLITE_FILE).exists() else "lmdb",
        blobs="store" if (data / "store").exists() and not (data / "blobs").exists() else "files",
    )


@asynccontextmanager
async def _serving(core: "Core") -> AsyncIterator[Path]:
    """Serve for this command alone, on a socket that no other command finds."""
    from cluster.observe.logs import LogSettings, set_up

    # What the service logs must not mix with the answer on standard output.
    set_up(LogSettings(level="error"), core.clock, sys.stderr.buffer)
    with tempfile.TemporaryDirectory(prefix="rookery-") as folder:
        server = AdminServer.over(core, Path(folder) / SOCKET, version=current())
        await server.start()
        try:
            yield Path(folder) / SOCKET
        finally:
            await server.stop()


def _answers(path: Path) -> bool:
    """Whether somebody listens; the socket of a server that was killed stays behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(socket_path(path))
        except OSError:
            return False
    return True

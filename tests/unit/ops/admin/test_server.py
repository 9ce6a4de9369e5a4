"""The admin service's socket: whose it is, and how it starts and stops."""

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from cluster.errors import Misconfigured
from ops.admin.server import SOCKET, AdminServer, socket_address
from ops.cli.connect import Admin, connect
from ops.core import Core
from tests.unit.ops.admin.conftest import ALICE
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc


def server_of(parts: Core, path: Path) -> AdminServer:
    return AdminServer.over(parts, path, version="1", drain_s=1)


async def test_status(admin: Admin, parts: Core) -> None:
    status = await admin.server.GetStatus(pb.GetStatusRequest())
    assert (status.version, status.started_ms) == ("1.2.3", parts.clock.now_ms())
    assert status.process > 0


async def test_the_socket_is_its_owners_alone(admin: Admin, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


async def test_the_socket_of_a_killed_server_is_no_hindrance(parts: Core, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / SOCKET))
    server = server_of(parts, tmp_path / SOCKET)
    await server.start()
    async with connect(tmp_path) as admin:
        await admin.server.GetStatus(pb.GetStatusRequest())
    await server.stop()
    assert not (tmp_path / SOCKET).exists()


async def test_stopping_what_never_started_is_harmless(parts: Core, tmp_path: Path) -> None:
    await server_of(parts, tmp_path / SOCKET).stop()


async def test_a_stop_ends_what_takes_too_long(parts: Core, tmp_path: Path, alice: pb.Account) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    server = AdminServer.over(parts, folder / SOCKET, version="1", drain_s=0.05)
    await server.start()
    async with connect(folder) as admin:
        call = admin.mailboxes.Import(iter_forever(ALICE))
        first = await call.read()
        assert isinstance(first, pb.ImportResponse)
        assert first.opened.account_id == alice.id
        await server.stop()
        with pytest.raises(grpc.aio.AioRpcError):
            await call.read()


async def iter_forever(account: str) -> AsyncIterator[pb.ImportRequest]:
    yield pb.ImportRequest(open=pb.ImportOpen(account=account))
    await asyncio.Event().wait()


async def test_a_path_longer_than_sockets_allow_is_served(parts: Core, tmp_path: Path) -> None:
    directory = tmp_path / ("x" * 150)
    directory.mkdir()
    server = server_of(parts, directory / SOCKET)
    await server.start()
    async with grpc.aio.insecure_channel(socket_address(directory / SOCKET)) as channel:
        status = await admin_pb2_grpc.ServerStub(channel).GetStatus(pb.GetStatusRequest())
    await server.stop()
    assert status.version
    assert not (directory / SOCKET).exists()


async def test_a_place_where_no_socket_can_be_is_named(parts: Core, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot listen"):
        await server_of(parts, tmp_path / "nowhere" / SOCKET).start()


async def test_a_defect_tells_nothing_but_that(admin: Admin, parts: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_name: str) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(parts.directory, "get_domain", broken)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await admin.directory.GetDomain(pb.GetDomainRequest(name="example.org"))
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in (failed.value.details() or "")

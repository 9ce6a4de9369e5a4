"""How a command reaches its server."""

from pathlib import Path

import pytest

from cluster.clock import SystemClock
from cluster.errors import Misconfigured
from cluster.meta.lock import DataLock
from cluster.meta.sqlite import SqliteStore
from ops.admin.server import SOCKET, AdminServer
from ops.cli.connect import connect
from ops.core import ELSEWHERE, opened
from ops.settings import StoreSettings
from tests.unit.ops.cli.conftest import Run, objects
from wire import admin_pb2 as pb


def test_a_data_directory_that_is_not_there(run: Run, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no data directory"):
        run("domain", "list", "--data", tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


def test_one_that_another_process_holds(run: Run, data: Path) -> None:
    lock = DataLock(data)
    with pytest.raises(Misconfigured, match="Another server"):
        run("domain", "list")
    lock.release()
    assert run("domain", "list").exit_code == 0


async def test_a_running_server_is_asked(data: Path) -> None:
    async with opened(data) as core:
        server = AdminServer.over(core, data / SOCKET, version="its own")
        await server.start()
        async with connect(data) as admin:
            assert (await admin.server.GetStatus(pb.GetStatusRequest())).version == "its own"
        await server.stop()


async def test_without_one_the_command_is_its_own_server(data: Path) -> None:
    async with connect(data) as admin:
        status = await admin.server.GetStatus(pb.GetStatusRequest())
        assert not (data / SOCKET).exists()
    assert status.started_ms <= SystemClock().now_ms()


async def test_the_store_that_a_server_made_is_opened(data: Path) -> None:
    settings = StoreSettings(kind="sqlite", blobs="store")
    async with opened(data, settings) as core:
        await core.directory.add_domain("example.org")
    async with connect(data) as admin:
        listed = [found.name async for found in admin.directory.ListDomains(pb.ListDomainsRequest())]
    assert listed == ["example.org"]
    assert not (data / "store" / "data.mdb").exists()
    await (await SqliteStore.open(data / "store")).close()


def test_a_store_across_the_network_needs_its_server(run: Run, data: Path) -> None:
    (data / "store").mkdir()
    (data / "store" / ELSEWHERE).write_text("postgresql")
    with pytest.raises(Misconfigured, match=r"is in postgresql.*start it with its settings"):
        run("domain", "list")
    assert [path.name for path in (data / "store").iterdir()] == [ELSEWHERE]


def test_changes_outlive_the_command(run: Run, alice: str) -> None:
    assert [one["login"] for one in objects(run("account", "list", "--json"))] == [alice]

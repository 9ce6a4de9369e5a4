"""The admin service on the network: who gets in, by what, and that nobody else does."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from structlog.testing import capture_logs

from cluster.authority import issue, make_authority, pair_of
from cluster.config import Secret
from cluster.errors import Misconfigured
from cluster.membership.members import Layout
from cluster.membership.memory import MemoryRegistryServer
from cluster.placement.watching import Watching
from ops.admin.cluster import ClusterParts
from ops.admin.server import SOCKET, AdminServer
from ops.admin.settings import AdminSettings
from ops.cli.remote import Remote, channel_to
from ops.core import Core
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

TOKEN = "0123456789abcdef0123456789abcdef"
NOW = dt.datetime.now(dt.UTC)


class Doors(NamedTuple):
    """One server that asks for certificates, one that asks for a token, and everybody's keys."""

    keys: Path
    certificates: str
    token: str


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_authority(folder, NOW)
    issue(folder, "n1", "node", NOW)
    issue(folder, "alice", "admin", NOW)
    strange = folder / "strange"
    make_authority(strange, NOW)
    issue(strange, "mallory", "admin", NOW)
    return folder


@pytest.fixture
async def doors(parts: Core, tmp_path: Path, keys: Path) -> AsyncIterator[Doors]:
    node, root = pair_of(keys, "n1"), str(pair_of(keys, "authority").certificate)
    common = AdminSettings(host="127.0.0.1", port=0, certificate=str(node.certificate), key=str(node.key))
    ports = []
    servers = []
    for name, settings in (
        ("certificates", {"authority": root}),
        ("token", {"token": Secret(TOKEN)}),
    ):
        folder = tmp_path / name
        folder.mkdir()
        made = AdminSettings(
            **{each: getattr(common, each) for each in ("host", "port", "certificate", "key")}, **settings
        )
        server = AdminServer.over(parts, folder / SOCKET, version="1", settings=made, drain_s=1)
        await server.start()
        servers.append(server)
        ports.append(f"127.0.0.1:{server.port}")
    yield Doors(keys, *ports)
    for server in servers:
        await server.stop()


def remote(doors: Doors, server: str, who: str = "", folder: str = "") -> Remote:
    root = str(pair_of(doors.keys, "authority").certificate)
    if not who:
        return Remote(server=server, authority=root)
    pair = pair_of(doors.keys / folder, who)
    return Remote(server=server, authority=root, certificate=str(pair.certificate), key=str(pair.key))


async def list_domains(remote: Remote, token: str = "") -> list[pb.Domain]:
    async with channel_to(remote, token) as channel:
        stub = admin_pb2_grpc.DirectoryStub(channel)
        await admin_pb2_grpc.DirectoryStub(channel).AddDomain(pb.AddDomainRequest(name="example.org"), timeout=5)
        return [domain async for domain in stub.ListDomains(pb.ListDomainsRequest(), timeout=5)]


async def changes(parts: Core) -> list[str]:
    async def who(change: bytes) -> str:
        return change.decode()

    rows = await parts.store.range(b"u", b"v")
    return [value.decode() for _key, value in rows]


async def test_an_operators_certificate_opens(doors: Doors, parts: Core) -> None:
    assert [domain.name for domain in await list_domains(remote(doors, doors.certificates, "alice"))] == ["example.org"]
    assert '"who":"certificate:alice"' in (await changes(parts))[0]


@pytest.mark.parametrize(
    ("who", "folder", "code"),
    [
        ("n1", "", grpc.StatusCode.UNAUTHENTICATED),  # a node's is none of an operator
        ("mallory", "strange", grpc.StatusCode.UNAVAILABLE),  # of another authority: no handshake
        ("", "", grpc.StatusCode.UNAVAILABLE),  # none
    ],
)
async def test_no_other_certificate_does(
    doors: Doors, parts: Core, who: str, folder: str, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await list_domains(remote(doors, doors.certificates, who, folder))
    assert refused.value.code() == code
    assert await changes(parts) == []


async def test_the_token_opens(doors: Doors, parts: Core) -> None:
    assert await list_domains(remote(doors, doors.token), TOKEN)
    (change,) = await changes(parts)
    assert '"who":"token"' in change
    assert TOKEN not in change


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "0"])
async def test_no_other_token_does(doors: Doors, parts: Core, token: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await list_domains(remote(doors, doors.token), token)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert "ROOKERY_TOKEN" in (refused.value.details() or "")
    assert await changes(parts) == []


async def test_without_tls_nothing_is_said(doors: Doors) -> None:
    async with grpc.aio.insecure_channel(doors.token) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await admin_pb2_grpc.ServerStub(channel).GetStatus(pb.GetStatusRequest(), timeout=5)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_health_needs_no_proof_and_reflection_does(doors: Doors) -> None:
    async with channel_to(remote(doors, doors.token), "") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "rookery.admin.v1.Directory"):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await services(channel)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    async with channel_to(remote(doors, doors.token), TOKEN) as channel:
        assert {"rookery.admin.v1.Directory", "rookery.admin.v1.Audit", "grpc.health.v1.Health"} <= await services(
            channel
        )


async def test_to_ask_for_the_health_of_nothing_is_no_defect(doors: Doors) -> None:
    async with channel_to(remote(doors, doors.token), "") as channel:
        with capture_logs() as logs, pytest.raises(grpc.aio.AioRpcError) as refused:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="x"), timeout=5)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert logs == []


async def services(channel: grpc.aio.Channel) -> set[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    call = stub.ServerReflectionInfo(iter([ask]), timeout=5)
    async for answer in call:
        return {service.name for service in answer.list_services_response.service}
    return set()


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (AdminSettings(host="127.0.0.1", port=0, token=Secret(TOKEN)), "certificate"),
        (AdminSettings(host="127.0.0.1", port=0, certificate="none.pem"), "authority"),
        (AdminSettings(host="127.0.0.1", port=0, certificate="none.pem", token=Secret("short")), "32 characters"),
        (AdminSettings(host="127.0.0.1", port=0, certificate="none.pem", token=Secret(TOKEN)), "none.pem"),
    ],
)
async def test_half_a_door_is_refused(parts: Core, tmp_path: Path, settings: AdminSettings, names: str) -> None:
    server = AdminServer.over(parts, tmp_path / SOCKET, version="1", settings=settings, drain_s=1)
    with pytest.raises(Misconfigured, match=names):
        await server.start()
    await server.stop()


async def test_only_gateways_of_a_cluster_share_a_port(parts: Core, tmp_path: Path, keys: Path) -> None:
    node, clock = pair_of(keys, "n1"), parts.clock
    registry, layout = MemoryRegistryServer().connect(clock), Layout("test")
    cluster = ClusterParts("test", registry, layout, Watching(registry, layout))
    port = 0

    def server(name: str, cluster: ClusterParts | None) -> AdminServer:
        settings = AdminSettings(
            host="127.0.0.1", port=port, certificate=str(node.certificate), key=str(node.key),
            token=Secret(TOKEN),
        )  # fmt: skip
        (tmp_path / name).mkdir()
        return AdminServer.over(
            parts, tmp_path / name / SOCKET, version="1", settings=settings, cluster=cluster, drain_s=1
        )

    async with AsyncExitStack() as stack:
        for name in ("first", "second"):
            made = server(name, cluster)
            stack.push_async_callback(made.stop)
            await made.start()
            port = made.port
        alone = server("alone", None)
        stack.push_async_callback(alone.stop)
        with pytest.raises(Misconfigured, match="cannot listen"):
            await alone.start()

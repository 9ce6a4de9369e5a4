"""The cluster's calls: what they tell, and what they write down."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar
from unittest.mock import Mock

import grpc
import msgspec
import pytest

from actors.mailbox.keys import slot_of
from cluster.membership.members import Drain, Layout, Levels, Member, Wanted
from cluster.membership.memory import MemoryRegistry, MemoryRegistryServer
from cluster.membership.registry import Registry
from cluster.placement.slotmap import PAGE_SLOTS, PAGES, Assignment, encode_page
from cluster.placement.watching import Watching
from ops.admin.cluster import ClusterParts, ClusterService
from ops.admin.server import SOCKET, AdminServer
from ops.cli.connect import Admin, connect
from ops.core import Core
from wire import admin_pb2 as pb

T = TypeVar("T")
LAYOUT = Layout("test")
SHARD = "mailbox-a-1"


@pytest.fixture
async def registry(parts: Core) -> AsyncIterator[Registry]:
    """A small cluster: one mailbox shard on node a, which owns all slots, and a gateway on b."""
    made = MemoryRegistry(MemoryRegistryServer(), parts.clock)
    for kind, node in (("mailbox", "a"), ("gateway", "b")):
        member = Member(name=f"{kind}-{node}-1", kind=kind, node=node, address=f"{node}:1", process=7)
        await made.change({LAYOUT.member(member): msgspec.json.encode(member)})
    page = (Assignment(SHARD, 5),) * PAGE_SLOTS
    await made.change({LAYOUT.page("mailbox", number): encode_page(number, page) for number in range(PAGES)})
    yield made
    await made.close()


@pytest.fixture
async def clustered(parts: Core, registry: Registry, tmp_path: Path) -> AsyncIterator[Admin]:
    watching = Watching(registry, LAYOUT)
    watching.start()
    await watching.ready(5)
    folder = tmp_path / "clustered"
    folder.mkdir()
    cluster = ClusterParts("test", registry, LAYOUT, watching)
    server = AdminServer.over(parts, folder / SOCKET, version="1", cluster=cluster, drain_s=1)
    await server.start()
    async with connect(folder) as client:
        yield client
    await server.stop()
    await watching.close()


async def test_the_cluster_is_told(clustered: Admin) -> None:
    state = await clustered.cluster.GetCluster(pb.GetClusterRequest())
    assert [(node.name, node.processes, node.slots) for node in state.nodes] == [("a", 1, 4096), ("b", 1, 0)]
    assert [(kind.kind, kind.shards, kind.unowned) for kind in state.kinds][:2] == [
        ("mailbox", 1, 0),
        ("queue", 0, 4096),
    ]


async def test_slots_of_a_shard_and_of_an_account(clustered: Admin) -> None:
    await clustered.directory.AddDomain(pb.AddDomainRequest(name="example.org"))
    account = await clustered.directory.AddAccount(pb.AddAccountRequest(login="alice@example.org", password="horse"))
    request = pb.ListSlotsRequest(login=account.login)
    (slot,) = [each async for each in clustered.cluster.ListSlots(request)]
    assert (slot.slot, slot.shard, slot.epoch, slot.alive) == (slot_of(account.id), SHARD, 5, True)
    assert len([each async for each in clustered.cluster.ListSlots(pb.ListSlotsRequest(shard=SHARD))]) == 4096
    assert [each async for each in clustered.cluster.ListSlots(pb.ListSlotsRequest(shard="other"))] == []


async def test_wishes_are_written_down(clustered: Admin, registry: Registry, parts: Core) -> None:
    await clustered.cluster.DrainNode(pb.DrainNodeRequest(node="a"))
    await clustered.cluster.Scale(pb.ScaleRequest(wanted={"mailbox": 3}))
    await clustered.cluster.SetLogLevel(pb.SetLogLevelRequest(level="warning"))
    await clustered.cluster.SetLogLevel(pb.SetLogLevelRequest(level="debug", node="a"))
    assert await read(registry, f"{LAYOUT.drains}a", Drain) == Drain("operator", parts.clock.now_ms())
    assert await read(registry, LAYOUT.wanted, Wanted) == Wanted(mailbox=3)
    assert (await read(registry, LAYOUT.loglevel, Levels)).nodes == {"a": "debug"}
    await clustered.cluster.UndrainNode(pb.UndrainNodeRequest(node="a"))
    assert await registry.get(f"{LAYOUT.drains}a") is None
    calls = [change.call async for change in clustered.audit.ListChanges(pb.ListChangesRequest())]
    made = ("DrainNode", "Scale", "SetLogLevel", "SetLogLevel", "UndrainNode")
    assert sorted(calls) == [f"Cluster.{call}" for call in made]


async def test_a_level_that_another_gateway_has_just_set_is_kept(parts: Core, registry: Registry) -> None:
    await registry.change({LAYOUT.loglevel: msgspec.json.encode(Levels("error", {"b": "debug"}))})
    unheard = ClusterParts("test", registry, LAYOUT, Watching(registry, LAYOUT))
    service = ClusterService(unheard, parts.directory, parts.clock)
    await service.SetLogLevel(pb.SetLogLevelRequest(level="info", node="a"), Mock())
    assert await read(registry, LAYOUT.loglevel, Levels) == Levels("error", {"a": "info", "b": "debug"})
    await service.SetLogLevel(pb.SetLogLevelRequest(node="a"), Mock())
    assert await read(registry, LAYOUT.loglevel, Levels) == Levels("error", {"b": "debug"})
    await service.SetLogLevel(pb.SetLogLevelRequest(level="warning"), Mock())
    assert await read(registry, LAYOUT.loglevel, Levels) == Levels("warning")


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (pb.DrainNodeRequest(node="z"), grpc.StatusCode.NOT_FOUND),
        (pb.UndrainNodeRequest(node="a"), grpc.StatusCode.NOT_FOUND),
        (pb.ScaleRequest(wanted={"letterbox": 1}), grpc.StatusCode.INVALID_ARGUMENT),
        (pb.ScaleRequest(wanted={"mailbox": 1000}), grpc.StatusCode.INVALID_ARGUMENT),
        (pb.ScaleRequest(wanted={"mailbox": 0}), grpc.StatusCode.INVALID_ARGUMENT),
        (pb.SetLogLevelRequest(level="debug", node="z"), grpc.StatusCode.NOT_FOUND),
        (pb.SetLogLevelRequest(level="loud"), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_wishes_that_cannot_be_are_refused(
    clustered: Admin, wish: pb.DrainNodeRequest | pb.UndrainNodeRequest | pb.ScaleRequest, code: grpc.StatusCode
) -> None:
    calls = {
        pb.DrainNodeRequest: clustered.cluster.DrainNode,
        pb.UndrainNodeRequest: clustered.cluster.UndrainNode,
        pb.ScaleRequest: clustered.cluster.Scale,
        pb.SetLogLevelRequest: clustered.cluster.SetLogLevel,
    }
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await calls[type(wish)](wish)  # type: ignore[operator]
    assert refused.value.code() == code


async def test_a_change_is_watched(clustered: Admin, registry: Registry) -> None:
    call = clustered.cluster.WatchCluster(pb.GetClusterRequest())
    states = aiter(call)
    assert not (await anext(states)).nodes[0].draining
    await registry.change({f"{LAYOUT.drains}a": msgspec.json.encode(Drain("ann", 1))})
    assert (await anext(states)).nodes[0].draining
    call.cancel()


async def test_a_server_alone_has_no_such_calls(admin: Admin) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await admin.cluster.GetCluster(pb.GetClusterRequest())
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def read(registry: Registry, key: str, shape: type[T]) -> T:
    entry = await registry.get(key)
    assert entry is not None
    return msgspec.json.decode(entry.value, type=shape)

"""The queue's calls: what its shards hold, and what operators may do with it."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from actors.queue.client import QueueClient
from actors.queue.keys import slot_of_id
from actors.queue.state import Queue
from actors.queue.types import Envelope, Owed, Recipient, Result, Told
from actors.shell.client import Direct
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
from ops.admin.errors import Unclear
from ops.admin.queue import Context, QueueService
from ops.admin.server import SOCKET, AdminServer
from ops.cli.connect import Admin, connect
from ops.core import Core
from tests.unit.actors.shell.site import Site
from wire import admin_pb2 as pb


@pytest.fixture
async def queue() -> AsyncIterator[QueueClient]:
    site = Site()
    shard, _claims = await site.owner(Queue())
    yield QueueClient(Direct({"queue": shard}), site.store, site.blobs)
    await shard.stop()


@pytest.fixture
async def queued(parts: Core, queue: QueueClient, tmp_path: Path) -> AsyncIterator[Admin]:
    """A server with three entries: two to a.example, one to b.example."""
    for number, domain in enumerate(("a.example", "b.example", "a.example")):
        mail = Envelope(domain, "me@here.example", (Recipient(f"you{number}@{domain}"),), digest_of(b"x"), 1)
        await queue.enqueue(mail, b"%d" % number, pack(b"x"))
    folder = tmp_path / "queued"
    folder.mkdir()
    server = AdminServer.over(parts, folder / SOCKET, version="1", queue=queue, drain_s=1)
    await server.start()
    async with connect(folder) as client:
        yield client
    await server.stop()


async def listed(admin: Admin, **request: Any) -> list[pb.QueueEntry]:
    return [entry async for entry in admin.queue.ListQueue(pb.ListQueueRequest(**request))]


async def test_all_entries_some_and_the_first(queued: Admin) -> None:
    entries = await listed(queued)
    assert sorted(entry.recipients[0] for entry in entries) == ["you0@a.example", "you1@b.example", "you2@a.example"]
    assert [entry.domain for entry in await listed(queued, domain="b.example")] == ["b.example"]
    assert await listed(queued, status="failed") == []
    assert len(await listed(queued, limit=2)) == 2
    assert await listed(queued, after=entries[1].id) == entries[2:]


async def test_an_entry_has_its_history(queued: Admin) -> None:
    (entry,) = await listed(queued, domain="b.example")
    for change in (pb.QUEUE_CHANGE_HOLD, pb.QUEUE_CHANGE_RELEASE, pb.QUEUE_CHANGE_CANCEL):
        await queued.queue.ChangeQueueEntry(pb.ChangeQueueEntryRequest(id=entry.id, change=change))
    shown = await queued.queue.GetQueueEntry(pb.GetQueueEntryRequest(id=entry.id))
    assert [step.what for step in shown.steps] == ["queued", "held", "released", "cancelled"]
    assert shown.status == "cancelled"
    assert [change.call async for change in queued.audit.ListChanges(pb.ListChangesRequest())] == [
        "Queue.ChangeQueueEntry"
    ] * 3


@pytest.mark.parametrize("entry", ["nonsense", "", "00" * 16, "ff"])
async def test_what_is_no_entry_is_told(queued: Admin, entry: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await queued.queue.GetQueueEntry(pb.GetQueueEntryRequest(id=entry))
    assert refused.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)


async def test_a_change_has_to_say_what(queued: Admin) -> None:
    (entry,) = await listed(queued, domain="b.example")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await queued.queue.ChangeQueueEntry(pb.ChangeQueueEntryRequest(id=entry.id))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def changed(admin: Admin, **request: Any) -> list[pb.QueueProgress]:
    return [progress async for progress in admin.queue.ChangeQueue(pb.ChangeQueueRequest(**request))]


async def test_a_wish_for_many_tells_how_far_it_is(queued: Admin, queue: QueueClient) -> None:
    progress = await changed(
        queued, filter=pb.QueueFilter(domain="A.example"), change=pb.QUEUE_CHANGE_HOLD, wish=pb.QueueWish()
    )
    assert (progress[-1].slots, progress[-1].of, progress[-1].meant, progress[-1].changed) == (4096, 4096, 2, 2)
    assert [entry.domain for entry in await listed(queued, filter=pb.QueueFilter(status="held"))] == ["a.example"] * 2
    again = await changed(queued, filter=pb.QueueFilter(status="held"), change=pb.QUEUE_CHANGE_HOLD)
    assert (again[-1].meant, again[-1].changed) == (2, 0)
    assert [one.call async for one in queued.audit.ListChanges(pb.ListChangesRequest())] == ["Queue.ChangeQueue"] * 2


async def test_all_must_be_said_to_be_meant(queued: Admin) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await changed(queued, change=pb.QUEUE_CHANGE_CANCEL)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    progress = await changed(queued, change=pb.QUEUE_CHANGE_CANCEL, all=True)
    assert progress[-1].changed == 3


async def test_every_wish_is_carried_out(queued: Admin) -> None:
    (entry,) = await listed(queued, domain="b.example")
    wishes = {
        pb.QUEUE_CHANGE_REROUTE: pb.QueueWish(route="relay"),
        pb.QUEUE_CHANGE_EXPIRE: pb.QueueWish(expires_ms=1_800_000_000_000),
        pb.QUEUE_CHANGE_PRIORITISE: pb.QueueWish(priority=-3),
        pb.QUEUE_CHANGE_RETRY: pb.QueueWish(),
        pb.QUEUE_CHANGE_RECALL: pb.QueueWish(),
    }
    for change, wish in wishes.items():
        shown = await queued.queue.ChangeQueueEntry(pb.ChangeQueueEntryRequest(id=entry.id, change=change, wish=wish))
    assert (shown.route, shown.expires_ms, shown.priority) == ("relay", 1_800_000_000_000, -3)
    found = await queued.queue.GetQueueEntry(pb.GetQueueEntryRequest(id=entry.id))
    assert [step.what for step in found.steps] == ["queued", "rerouted", "expires", "prioritised"]


async def test_mail_is_rerouted_to_routes_that_there_are(queue: QueueClient) -> None:
    service = QueueService(queue, {"relay"})
    for route, refused in (("relay", False), ("mx", False), ("", False), ("realy", True)):
        request = pb.ChangeQueueRequest(all=True, change=pb.QUEUE_CHANGE_REROUTE, wish=pb.QueueWish(route=route))
        with pytest.raises(Unclear, match=r"'realy' .*: relay\.") if refused else nullcontext():
            assert [progress async for progress in service.ChangeQueue(request, cast("Context", None))]


async def test_results_are_told_for_each_recipient(queued: Admin, queue: QueueClient) -> None:
    (entry,) = await listed(queued, domain="b.example")
    slot = slot_of_id(bytes.fromhex(entry.id))
    (work,) = (await queue.due(slot, 1, 60)).work
    result = Result("deferred", 451, "4.3.0", "not now", "mx.b.example", "192.0.2.1", cause="system")
    await queue.report(work, (Told(result, (0,)),), until_ms=1_800_000_000_000, owed=(Owed("delay", (0,)),))
    found = await queued.queue.GetQueueEntry(pb.GetQueueEntryRequest(id=entry.id))
    assert (found.people[0].address, found.people[0].result.said, found.people[0].delayed) == (
        "you1@b.example",
        "not now",
        True,
    )
    assert found.steps[-1].told[0].result.host == "mx.b.example"
    assert [notice.kind for notice in found.owed] == ["delay"]
    status = await queued.queue.GetQueueStatus(pb.GetQueueStatusRequest())
    assert [(one.destination, one.entries, one.why) for one in status.destinations] == [
        ("a.example", 2, ""),
        ("b.example", 1, "system: not now"),
    ]
    only = await queued.queue.GetQueueStatus(pb.GetQueueStatusRequest(filter=pb.QueueFilter(recipient="@b.example")))
    assert len(only.destinations) == 1

"""The queue's calls: what its shards hold, and what operators may do with it."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from actors.queue.client import QueueClient
from actors.queue.state import Queue
from actors.queue.types import Envelope, Recipient
from actors.shell.client import Direct
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
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


async def listed(admin: Admin, **request: str | int) -> list[pb.QueueEntry]:
    return [entry async for entry in admin.queue.ListQueue(pb.ListQueueRequest(**request))]  # type: ignore[arg-type]


async def test_all_entries_some_and_the_first(queued: Admin) -> None:
    entries = await listed(queued)
    assert sorted(entry.recipients[0] for entry in entries) == ["you0@a.example", "you1@b.example", "you2@a.example"]
    assert [entry.domain for entry in await listed(queued, domain="b.example")] == ["b.example"]
    assert await listed(queued, status="failed") == []
    assert len(await listed(queued, limit=2)) == 2


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

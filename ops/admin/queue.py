"""The outbound queue for operators: requests in, what its shards answer out.

The law: nothing is decided here. An entry is named by the hexadecimal form of its id.
"""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc
import msgspec

from actors.queue.client import QueueClient
from actors.queue.keys import ID_BYTES, slot_of_id
from actors.queue.types import Shown
from cluster.placement.slots import SLOTS
from ops.admin.directory import Unclear
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
LISTED: Final = 1000  # unless asked for another number
PAGE: Final = 100


class QueueService(admin_pb2_grpc.QueueServicer):
    """The calls of rookery.admin.v1.Queue, as the schema tells them."""

    def __init__(self, queue: QueueClient) -> None:
        self._queue = queue

    async def ListQueue(self, request: pb.ListQueueRequest, context: Context) -> AsyncIterator[pb.QueueEntry]:
        """Entries in the order of their ids."""
        left, after = request.limit or LISTED, b""
        while left:
            found = await self._queue.list(after, min(left, PAGE), domain=request.domain, status=request.status)
            for entry in found.entries[:left]:
                yield _entry(entry)
            left -= min(left, len(found.entries))
            after = found.after
            if not after:
                return

    async def GetQueueEntry(self, request: pb.GetQueueEntryRequest, context: Context) -> pb.QueueEntry:
        """One entry with its history."""
        return _entry(await self._queue.read(_id(request.id)))

    async def ChangeQueueEntry(self, request: pb.ChangeQueueEntryRequest, context: Context) -> pb.QueueEntry:
        """Hold, release, cancel."""
        changes: dict[int, Callable[[bytes, str], Awaitable[Shown]]] = {
            pb.QUEUE_CHANGE_HOLD: self._queue.hold,
            pb.QUEUE_CHANGE_RELEASE: self._queue.release,
            pb.QUEUE_CHANGE_CANCEL: self._queue.cancel,
        }
        change = changes.get(request.change)
        if change is None:
            raise Unclear("Say what to do with the entry: hold, release or cancel.")
        return _entry(await change(_id(request.id), "operator"))


def _id(text: str) -> bytes:
    try:
        entry = bytes.fromhex(text)
    except ValueError:
        entry = b""
    if len(entry) != ID_BYTES or slot_of_id(entry) >= SLOTS:
        raise Unclear(f"{text[:64]!r} is no id of a queue entry: `rookery queue list` shows them.")
    return entry


def _entry(shown: Shown) -> pb.QueueEntry:
    mail = shown.mail
    return pb.QueueEntry(
        id=shown.id.hex(),
        domain=mail.domain,
        sender=mail.sender,
        recipients=[one.address for one in mail.recipients],
        size=mail.size,
        status=shown.status,
        held=shown.held,
        queued_ms=mail.queued_ms,
        due_ms=shown.due_ms,
        attempts=shown.attempts,
        steps=[pb.QueueStep(**msgspec.structs.asdict(step)) for step in shown.steps],
        forgotten=shown.forgotten,
    )

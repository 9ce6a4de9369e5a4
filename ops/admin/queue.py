"""The outbound queue for operators: requests in, what its shards answer out.

The law: nothing is decided here. An entry is named by the hexadecimal form of its id.
"""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
from collections.abc import AsyncIterator, Collection
from typing import Any, Final

import grpc
import msgspec

from actors.queue.client import QueueClient
from actors.queue.keys import ID_BYTES, slot_of_id
from actors.queue.types import Change, Count, Fate, Filter, Owed, Recipient, Result, Shown, Step, Told, Wish
from cluster.placement.slots import SLOTS
from gateway.outbound.settings import MX
from ops.admin.directory import Unclear
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
LISTED: Final = 1000  # unless asked for another number
PAGE: Final = 100
BY: Final = "operator"
WISHES: Final[dict[int, Wish]] = {
    pb.QUEUE_CHANGE_HOLD: "hold",
    pb.QUEUE_CHANGE_RELEASE: "release",
    pb.QUEUE_CHANGE_CANCEL: "cancel",
    pb.QUEUE_CHANGE_RETRY: "retry",
    pb.QUEUE_CHANGE_REROUTE: "reroute",
    pb.QUEUE_CHANGE_EXPIRE: "expire",
    pb.QUEUE_CHANGE_PRIORITISE: "prioritise",
    pb.QUEUE_CHANGE_RECALL: "recall",
}


class QueueService(admin_pb2_grpc.QueueServicer):
    """The calls of rookery.admin.v1.Queue, as the schema tells them."""

    def __init__(self, queue: QueueClient, routes: Collection[str] | None = None) -> None:
        """`routes`: the names that the settings have; None: not known."""
        self._queue = queue
        self._routes = routes

    async def ListQueue(self, request: pb.ListQueueRequest, context: Context) -> AsyncIterator[pb.QueueEntry]:
        """Entries in the order of their ids."""
        which = _filter(request.filter)
        which = msgspec.structs.replace(
            which, domain=which.domain or request.domain.lower(), status=which.status or request.status
        )
        left, after = request.limit or LISTED, _id(request.after) if request.after else b""
        while left:
            found = await self._queue.list(after, min(left, PAGE), which)
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
        """A wish for one entry."""
        return _entry(await self._queue.change(self._wish(_id(request.id), request.change, request.wish)))

    async def ChangeQueue(self, request: pb.ChangeQueueRequest, context: Context) -> AsyncIterator[pb.QueueProgress]:
        """A wish for many."""
        which = _filter(request.filter)
        if which == Filter() and not request.all:
            raise Unclear("Say which entries are meant, or that all are.")
        async for progress in self._queue.alter(self._wish(b"", request.change, request.wish), which):
            yield pb.QueueProgress(**msgspec.structs.asdict(progress))

    async def GetQueueStatus(self, request: pb.GetQueueStatusRequest, context: Context) -> pb.QueueStatus:
        """What waits, by destination."""
        counts = await self._queue.tally(_filter(request.filter))
        most = sorted(counts, key=lambda count: (-count.entries, count.domain))
        return pb.QueueStatus(destinations=map(_count, most))

    def _wish(self, entry: bytes, change: int, wish: pb.QueueWish) -> Change:
        what = WISHES.get(change)
        if what is None:
            raise Unclear("Say what to do: hold, release, cancel, retry, reroute, expire, prioritise or recall.")
        if wish.route not in ("", MX) and self._routes is not None and wish.route not in self._routes:
            names = ", ".join(sorted(self._routes)) or "none"
            raise Unclear(f"There is no route {wish.route[:64]!r} in the settings ([[outbound.route]]): {names}.")
        value = {"expire": wish.expires_ms, "prioritise": wish.priority}.get(what, 0)
        return Change(entry, what, BY, wish.route, wish.target.lower(), value)


def _filter(asked: pb.QueueFilter) -> Filter:
    return Filter(asked.sender, asked.recipient, asked.domain.lower(), asked.status, asked.before_ms)


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
    fates = shown.fates or (Fate(),) * len(mail.recipients)
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
        steps=map(_step, shown.steps),
        forgotten=shown.forgotten,
        word=shown.word,
        tries=shown.tries,
        people=map(_person, mail.recipients, fates),
        route=shown.route,
        target=shown.target,
        expires_ms=shown.expires_ms,
        priority=shown.priority,
        ident=mail.ident,
        message_id=mail.message_id,
        owed=map(_notice, shown.owed),
    )


def _person(recipient: Recipient, fate: Fate) -> pb.QueueRecipient:
    result = None if fate.result is None else _result(fate.result)
    return pb.QueueRecipient(address=recipient.address, result=result, at_ms=fate.at_ms, delayed=fate.delayed)


def _result(result: Result) -> pb.QueueResult:
    told = msgspec.structs.asdict(result)
    del told["stored"]  # who tells of it says nothing to people: a notice that is owed is shown
    return pb.QueueResult(**told)


def _step(step: Step) -> pb.QueueStep:
    return pb.QueueStep(
        what=step.what,
        at_ms=step.at_ms,
        until_ms=step.until_ms,
        attempt=step.attempt,
        said=step.said,
        told=map(_told, step.told),
        owed=map(_notice, step.owed),
        value=step.value,
    )


def _told(told: Told) -> pb.QueueTold:
    return pb.QueueTold(result=_result(told.result), recipients=told.recipients)


def _notice(owed: Owed) -> pb.QueueNotice:
    return pb.QueueNotice(kind=owed.kind, recipients=owed.recipients)


def _count(count: Count) -> pb.QueueDestination:
    return pb.QueueDestination(
        destination=count.domain,
        entries=count.entries,
        held=count.held,
        lent=count.lent,
        recipients=count.recipients,
        oldest_ms=count.oldest_ms,
        due_ms=count.due_ms,
        why=count.why,
    )

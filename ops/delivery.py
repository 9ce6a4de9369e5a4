"""The deliverer of outgoing mail put together from settings, beside the queue shard that it takes mail from.

The law: it starts when its shard serves and stops before it. Who speaks to other servers is given: without that, mail
waits in the queue.
"""

from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from typing import Any, Final, NamedTuple

import structlog

from actors.queue.client import QueueClient
from actors.queue.types import Change
from actors.shell.shard import Shard
from actors.trace.client import Tracing
from cluster.errors import Trouble
from gateway.jmap.submission_news import SubmissionNews
from gateway.outbound.courier import Courier
from gateway.outbound.deliverer import Deliverer
from gateway.outbound.metrics import OutboundMetrics
from gateway.outbound.notices import Notices, Signer
from gateway.outbound.outgoing import HereOrAway
from gateway.outbound.parts import Gate
from gateway.outbound.schedule import Choosing, Pace, Schedule
from ops.core import Core, while_open
from ops.settings import Settings

DRAIN_SHARE: Final = 0.8  # of drain_s for attempts under way: the rest is for what must be written then


class Hands(NamedTuple):
    """What sends mail out, and what stands around it. `choose`: the schedule, in place of what
    [queue.schedule] says without its rules."""

    courier: Courier
    signer: Signer | None = None
    gate: Gate | None = None
    tracing: Tracing | None = None
    choose: Choosing | Pace | None = None


MakeHands = Callable[[AsyncExitStack, Core, Settings], Awaitable[Hands]]


async def delivering(
    stack: AsyncExitStack,
    core: Core,
    settings: Settings,
    make: MakeHands,
    shard: Shard[Any, Any],
    lending: QueueClient,
    slots: Callable[[], Collection[int]],
    *,
    recall: bool = False,
) -> Deliverer:
    """A deliverer that works until the stack closes. `core.queue` reaches all shards, `lending` this one, which owns
    `slots` now. `recall`: whoever had mail under way before is dead for sure."""
    hands = await make(stack, core, settings)
    schedule = Schedule(hands.choose or settings.queue.schedule.pace)
    outgoing = HereOrAway(core.directory, core.mailboxes, core.queue, core.blobs, core.clock)
    notices = Notices(settings.hostname, outgoing, schedule, core.clock, signer=hands.signer)
    news = SubmissionNews(core.mailboxes, structlog.get_logger())
    stack.push_async_callback(news.close)
    deliverer = Deliverer(
        lending,
        core.queue,
        hands.courier,
        schedule,
        notices,
        core.clock,
        settings.queue.delivery,
        find=lambda: shard.find_work(slots()),
        gate=hands.gate,
        tracing=hands.tracing,
        metrics=OutboundMetrics(core.registry),
        settled=news,
    )
    shard.watched_by(deliverer)
    stack.push_async_callback(deliverer.stop, settings.drain_s * DRAIN_SHARE)
    while_open(stack, "deliverer start", _started(deliverer, core.queue, recall=recall))
    return deliverer


async def _started(deliverer: Deliverer, queue: QueueClient, *, recall: bool) -> None:
    """Nothing is lent before what was lent is back: else it could be taken back from ourselves."""
    if recall:
        try:
            # Of any status: what has failed may be lent too, for the notice that is owed to its sender.
            async for _progress in queue.alter(Change(b"", "recall", by="start")):
                pass
        except Trouble as error:  # then it is lent again when its leases end
            structlog.get_logger().warning("outbound.recall_failed", why=error.log)
    deliverer.start()

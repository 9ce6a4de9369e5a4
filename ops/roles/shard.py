"""A shard's process, of any kind: it listens, announces itself, and owns the slots that the map gives to its name.

The law: it answers nothing before it can be found, and leaves in this order: no new calls, what was begun is finished,
snapshots are stored, and only then others are told that its slots are free.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple

from actors.directory.client import DirectoryClient
from actors.greylist.state import Greylist
from actors.mailbox.metrics import ShardMetrics
from actors.mailbox.service import MailboxService
from actors.mailbox.shard import Shard as MailboxShard
from actors.mailbox.sweeper import Sweeper
from actors.queue.client import QueueClient
from actors.queue.state import Queue
from actors.report.client import Ledger
from actors.reputation.state import Reputation
from actors.search.indexer import Indexer
from actors.search.metrics import SearchMetrics
from actors.shell.client import Direct
from actors.shell.metrics import ShellMetrics
from actors.shell.shard import Shard as ShellShard
from actors.throttle.state import Throttle
from actors.trace.client import TraceClient
from cluster.errors import Misconfigured, Moved
from cluster.hosting.ray.place import Place
from cluster.placement.claims import Claims
from cluster.placement.control import KIND as CONTROL
from cluster.placement.control import Control
from cluster.placement.holding import Holding
from cluster.placement.slots import SLOTS
from cluster.placement.watching import Watching
from cluster.rpc.grpc_link import GrpcListener
from cluster.rpc.server import Server
from cluster.rpc.service import Service
from gateway.reports.schedule import sweeping
from ops.core import quotas, run_packing, while_open
from ops.delivery import MakeHands, delivering
from ops.outbound import hands
from ops.pushing import pushing, sending_pushes
from ops.reporting import sending_daily
from ops.roles.gateway import reaching
from ops.roles.ground import Announced, Ground, founded
from ops.settings import Settings

DIGEST_RANGES: Final = 256  # first bytes of digests


class Made(NamedTuple):
    """A shard as its process sees it. Closed by the stack that it was made in."""

    service: Service
    release: Callable[[int], Awaitable[None]]
    alive: Callable[[], bool]


Make = Callable[[AsyncExitStack, Ground, Holding], Awaitable[Made]]


@asynccontextmanager
async def shard(settings: Settings, place: Place) -> AsyncIterator[Announced]:
    """Serve as a shard of the kind that the place names. Raises Misconfigured, Unavailable."""
    make = KINDS.get(place.role)
    if make is None:
        raise Misconfigured(f"There is no kind of shard {place.role}; there are {', '.join(KINDS)}.")
    async with founded(settings, place) as ground, AsyncExitStack() as stack:
        services: dict[str, Service] = {}
        server = Server(services)
        listener = GrpcListener(ground.settings.cluster.rpc, server.serve)
        port = await listener.start(place.host, 0)
        stack.push_async_callback(listener.stop)
        session = ground.session(f"{place.host}:{port}")
        stack.push_async_callback(session.resign)
        made = await make(stack, ground, Holding(ground.watching, session, ground.clock))
        stack.push_async_callback(server.drain)
        services[place.role] = made.service
        services[CONTROL] = Control({place.role: made.release})
        ground.is_ready = lambda: session.holds and made.alive()
        session.start()
        yield Announced(session, made.alive)


async def _mailbox(stack: AsyncExitStack, ground: Ground, claims: Claims) -> Made:
    directory = DirectoryClient(ground.store, ground.clock, ground.dice, ground.settings.directory)
    stack.callback(directory.close)
    metrics = ShardMetrics(ground.metrics)
    mailboxes = MailboxShard(ground.store, ground.clock, quotas(directory), metrics, claims, ground.incarnation)
    mailboxes.on_mail = run_indexer(stack, ground, claims)
    mailboxes.start()
    stack.push_async_callback(mailboxes.stop)
    store = ground.settings.store
    sweeper = Sweeper(ground.store, ground.blobs, ground.clock, grace_ms=store.keep_expunged_s * 1000)
    while_open(stack, "sweeper", sweeper.run(lambda: owned(claims), store.sweep_every_s))
    traces = TraceClient(ground.store, ground.clock, ground.settings.traces)
    while_open(stack, "trace sweeper", traces.run(lambda: owns(claims, 0)))
    reports = Ledger(ground.store, ground.clock)
    swept = sweeping(reports, ground.clock, ground.settings.reports, lambda: owns(claims, 0))
    while_open(stack, "report sweeper", swept)
    if ground.packs is not None:
        # Blobs belong to no slot: whoever has slot n looks after those whose digest begins with the byte n.
        run_packing(
            stack,
            ground.store,
            ground.packs,
            store,
            ground.clock,
            ground.dice,
            lambda: [(slot, slot + 1) for slot in owned(claims) if slot < DIGEST_RANGES],
            lambda: owns(claims, 0),
        )
    return Made(MailboxService(mailboxes), mailboxes.release, lambda: mailboxes.alive)


def run_indexer(stack: AsyncExitStack, ground: Ground, claims: Claims) -> Callable[[int], None]:
    """Keep up the indexes of the slots that are this shard's; who is to be told of accounts with new mail."""
    threads = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="index"))
    metrics = SearchMetrics(ground.metrics)
    indexer = Indexer(
        ground.store, ground.blobs, ground.packs, ground.clock, ground.dice, threads, metrics, ground.settings.search
    )
    while_open(stack, "indexer", indexer.run(lambda: owned(claims)))
    return indexer.hint


def _shell(kind_of: Callable[[Settings], Any], every_s: Callable[[Settings], float]) -> Make:
    async def make(stack: AsyncExitStack, ground: Ground, claims: Holding) -> Made:
        return _made(_begun(stack, ground, claims, kind_of(ground.settings), every_s(ground.settings)), claims)

    return make


def _begun(stack: AsyncExitStack, ground: Ground, claims: Holding, kind: Any, every_s: float) -> ShellShard[Any, Any]:
    metrics = ShellMetrics(ground.metrics)
    shell: ShellShard[Any, Any] = ShellShard(kind, ground.store, ground.clock, claims, ground.incarnation, metrics)
    shell.start(every_s)
    stack.push_async_callback(shell.stop)
    return shell


def _made(shell: ShellShard[Any, Any], claims: Holding) -> Made:
    async def release(slot: int) -> None:
        await shell.release(slot)
        claims.release(slot)  # with nothing between: else the next call would take it up again at once

    return Made(shell, release, lambda: shell.alive)


def _queue(hands: MakeHands | None) -> Make:
    """The queue, with who delivers from it where there are hands."""

    async def make(stack: AsyncExitStack, ground: Ground, claims: Holding) -> Made:
        settings = ground.settings
        shell = _begun(stack, ground, claims, Queue(settings.queue), settings.queue.sweep_every_s)
        if hands is not None:
            here = {"queue": shell}
            reach = reaching(stack, ground, here)
            lending = QueueClient(Direct(here), ground.store, ground.blobs)
            deliverer = await delivering(stack, reach.core, settings, hands, shell, lending, lambda: owned(claims))
            stack.callback(ground.watching.on_change(_on_slots(ground.watching, deliverer.look)))
            sending_daily(stack, reach.core, settings, lambda: owns(claims, 0))
            sending_pushes(stack, reach.core, pushing(stack, reach.core, settings), lambda: owned(claims))
        return _made(shell, claims)

    return make


def _on_slots(watching: Watching, look: Callable[[], None]) -> Callable[[], None]:
    """Looks when the slots of the queue have been given out anew: the map is another one then."""
    known: list[object] = [None]

    def changed() -> None:
        slots = watching.known.slots.get("queue")
        if slots is not known[0]:
            known[0] = slots
            look()

    return changed


def kinds(hands: MakeHands | None = None) -> Mapping[str, Make]:
    """How each kind of shard is made. `hands`: who sends mail to other servers; None: it waits in the queue."""
    return {
        "mailbox": _mailbox,
        "queue": _queue(hands),
        "reputation": _shell(
            lambda settings: Reputation(settings.reputation), lambda settings: settings.reputation.sweep_every_s
        ),
        "greylist": _shell(
            lambda settings: Greylist(settings.greylist), lambda settings: settings.greylist.sweep_every_s
        ),
        "throttle": _shell(lambda _settings: Throttle(), lambda settings: settings.throttling.sweep_every_s),
    }


KINDS: Final = kinds(hands())


def owned(claims: Claims) -> list[int]:
    """The slots that are this shard's now."""
    return [slot for slot in range(SLOTS) if owns(claims, slot)]


def owns(claims: Claims, slot: int) -> bool:
    """Whether the slot is this shard's now."""
    try:
        claims.claim(slot)
    except Moved:
        return False
    return True

"""The state of an `alone` server: stores, directory, the shards of mailboxes and queue, and their clients. No gateway,
no port.

The law: whoever opens a data directory holds its lock, so there is one owner; what is opened is closed in the reverse
order. The server and the command line (when no server runs) both stand on this.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog
from prometheus_client import CollectorRegistry

from actors.directory.client import DirectoryClient, DirectorySettings
from actors.mailbox.client import MailboxClient
from actors.mailbox.metrics import ShardMetrics
from actors.mailbox.pack_sweeper import PackSweeper
from actors.mailbox.packing import ALL, Packer, Ranges
from actors.mailbox.shard import Shard
from actors.mailbox.sweeper import Sweeper
from actors.mailbox.types import Quota
from actors.queue.bodies import Bodies
from actors.queue.client import QueueClient
from actors.queue.state import Queue, QueueSettings
from actors.report.client import Ledger
from actors.search.client import SearchClient
from actors.search.indexer import Indexer
from actors.search.metrics import SearchMetrics
from actors.search.settings import SearchSettings
from actors.shell.client import Direct
from actors.shell.metrics import ShellMetrics
from actors.shell.shard import Shard as ShellShard
from actors.throttle.state import Throttle, ThrottleShardSettings
from actors.trace.client import TraceClient, TraceSettings
from cluster.blobs.blobs import Blobs
from cluster.blobs.files import FileBlobs
from cluster.blobs.instore import InStoreBlobs
from cluster.blobs.objects import Objects
from cluster.blobs.objects_files import FileObjects
from cluster.blobs.s3 import ObjectBlobs
from cluster.blobs.settings import S3Settings
from cluster.clock import Clock, Dice, SystemClock, system_dice
from cluster.disk import make_directory
from cluster.dns.client import DnsResolver
from cluster.dns.settings import DnsSettings
from cluster.errors import Misconfigured
from cluster.meta.lmdb import LmdbStore
from cluster.meta.lock import DataLock
from cluster.meta.sqlite import SqliteStore
from cluster.meta.store import Store
from cluster.placement.claims import Alone, next_incarnation
from cluster.placement.slots import SLOTS
from cluster.rpc.service import Calling
from gateway.reports.schedule import sweeping
from gateway.reports.settings import ReportSettings
from ops.settings import StoreSettings

MESSAGE_THREADS: Final = 2  # read and pack large messages; more would only fight for the processor
BLOBS_PREFIX: Final = b"B"
ELSEWHERE: Final = "elsewhere"  # the file beside no store that says where it is
BLOBS_ELSEWHERE: Final = "blobs-elsewhere"  # the same for large messages


class Parts(NamedTuple):
    """Settings of what a core holds besides stores and the directory."""

    queue: QueueSettings = QueueSettings()
    traces: TraceSettings = TraceSettings()
    throttling: ThrottleShardSettings = ThrottleShardSettings()
    dns: DnsSettings = DnsSettings()
    reports: ReportSettings = ReportSettings()
    search: SearchSettings = SearchSettings()


class Core(NamedTuple):
    """What gateways and the admin service are given."""

    store: Store
    directory: DirectoryClient
    mailboxes: MailboxClient
    clock: Clock
    dice: Dice
    registry: CollectorRegistry
    alive: Callable[[], bool]
    blobs: Blobs
    threads: Executor  # for large messages
    calling: Calling  # asks shards of all kinds but mailboxes
    queue: QueueClient
    traces: TraceClient
    reports: Ledger
    resolver: DnsResolver
    search: SearchClient
    outbox: ShellShard[Any, Any] | None = None  # the queue's shard, where it is in this process
    indexer: Indexer | None = None  # of the mailboxes of this process


class OneShard:
    """Placement where there is one shard: it owns every account."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def shard_of(self, account: int) -> Shard:  # noqa: ARG002 (Directing's signature)
        """That one."""
        return self._shard


@asynccontextmanager
async def opened(
    data: Path,
    settings: StoreSettings | None = None,
    directory: DirectorySettings | None = None,
    registry: CollectorRegistry | None = None,
    parts: Parts | None = None,
) -> AsyncIterator[Core]:
    """Open a data directory as its one owner. Raises Misconfigured while another has it, Corrupt, StoreFull."""
    settings = settings or StoreSettings()
    clock, dice = SystemClock(), system_dice()
    async with AsyncExitStack() as stack:
        stack.callback(DataLock(data).release)
        store, blobs, packs = await open_stores(stack, data, settings, clock)
        core = over(store, blobs, clock, dice, directory, registry or CollectorRegistry(), packs, parts)
        made = await stack.enter_async_context(core)
        while_open(stack, "trace sweeper", made.traces.run(lambda: True))
        swept = sweeping(made.reports, clock, (parts or Parts()).reports, lambda: True)
        while_open(stack, "report sweeper", swept)
        sweeper = Sweeper(store, blobs, clock, grace_ms=settings.keep_expunged_s * 1000)
        while_open(stack, "sweeper", sweeper.run(lambda: range(SLOTS), settings.sweep_every_s))
        if packs is not None:
            run_packing(stack, store, packs, settings, clock, dice, lambda: ALL, lambda: True)
        if made.indexer is not None:
            while_open(stack, "indexer", made.indexer.run(lambda: range(SLOTS)))
        yield made


def run_packing(
    stack: AsyncExitStack,
    store: Store,
    packs: Objects,
    settings: StoreSettings,
    clock: Clock,
    dice: Dice,
    ranges: Ranges,
    sweeps: Callable[[], bool],
) -> None:
    """Make packs of what is cold in these ranges, and sweep them where that is this process's; until the stack closes.

    Packs are swept also where none are made any more.
    """
    grace_ms, packing = settings.keep_expunged_s * 1000, settings.packing
    sweeper = PackSweeper(store, packs, clock, dice, grace_ms=grace_ms, pack_bytes=packing.pack_bytes)
    while_open(stack, "pack sweeper", sweeper.run(settings.sweep_every_s, sweeps))
    if packing.enabled:
        packer = Packer(store, packs, clock, dice, packing)
        while_open(stack, "packer", packer.run(ranges))


@asynccontextmanager
async def over(
    store: Store,
    blobs: Blobs,
    clock: Clock,
    dice: Dice,
    settings: DirectorySettings | None,
    registry: CollectorRegistry,
    packs: Objects | None = None,
    parts: Parts | None = None,
) -> AsyncIterator[Core]:
    """The actors over stores that stay the caller's to close."""
    directory = DirectoryClient(store, clock, dice, settings)
    incarnation, parts = await next_incarnation(store), parts or Parts()

    shard = Shard(store, clock, quotas(directory), ShardMetrics(registry), Alone(), incarnation)
    async with AsyncExitStack() as stack:
        indexing = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="index"))
        indexer = Indexer(store, blobs, packs, clock, dice, indexing, SearchMetrics(registry), parts.search)
        shard.on_mail = indexer.hint
        shard.start()
        stack.callback(directory.close)
        stack.push_async_callback(shard.stop)
        metrics = ShellMetrics(registry)
        shells: dict[str, ShellShard[Any, Any]] = {}
        for kind, every_s in ((Queue(parts.queue), parts.queue.sweep_every_s),
                              (Throttle(), parts.throttling.sweep_every_s)):  # fmt: skip
            shells[kind.name] = ShellShard(kind, store, clock, Alone(), incarnation, metrics)
            shells[kind.name].start(every_s)
            stack.push_async_callback(shells[kind.name].stop)
        threads = stack.enter_context(ThreadPoolExecutor(MESSAGE_THREADS, thread_name_prefix="message"))
        mailboxes = MailboxClient(OneShard(shard), store, blobs, clock, threads, packs)
        stack.callback(mailboxes.close)
        calling = Direct(dict(shells))
        traces = TraceClient(store, clock, parts.traces, registry)
        stack.push_async_callback(traces.stop)
        reports = Ledger(store, clock, registry)
        stack.push_async_callback(reports.stop)
        resolver = DnsResolver(parts.dns, clock, dice)
        stack.push_async_callback(resolver.close)
        yield Core(
            store,
            directory,
            mailboxes,
            clock,
            dice,
            registry,
            lambda: shard.alive and all(shell.alive for shell in shells.values()),
            blobs,
            threads,
            calling,
            QueueClient(calling, store, blobs, Bodies()),
            traces,
            reports,
            resolver,
            SearchClient(store, clock, parts.search),
            shells["queue"],
            indexer,
        )


def quotas(directory: DirectoryClient) -> Callable[[int], Awaitable[Quota]]:
    """What an account may hold, as the directory has it."""

    async def quota_of(account: int) -> Quota:
        found = await directory.account_with(account)
        return Quota(found.quota_bytes, found.quota_messages) if found is not None else Quota()

    return quota_of


async def open_store(data: Path, settings: StoreSettings, clock: Clock) -> Store:
    """The store that the settings name. Raises Misconfigured, Unavailable, Corrupt, StoreFull.

    The folder of the store in the data directory has a file that names its kind where that is elsewhere, so that
    nobody, a command without the settings least of all, begins an empty one here.
    """
    folder, is_here = data / "store", settings.kind in ("lmdb", "sqlite")
    elsewhere = stored_elsewhere(data)
    if elsewhere and elsewhere != settings.kind:
        raise Misconfigured(
            f"The store of {data} is in {elsewhere}: start with [store] kind = {elsewhere!r}, or name another --data."
        )
    if is_here:
        kind: type[LmdbStore | SqliteStore] = LmdbStore if settings.kind == "lmdb" else SqliteStore
        return await kind.open(folder, clock=clock)
    if not elsewhere and folder.is_dir() and any(folder.iterdir()):
        raise Misconfigured(f"{folder} holds a store already: name another --data for one in {settings.kind}.")
    store = await _open_elsewhere(settings, clock)
    make_directory(folder)
    (folder / ELSEWHERE).write_text(settings.kind)
    return store


def stored_elsewhere(data: Path) -> str:
    """The kind of the store if it is across the network; empty where it is in the data directory, or not yet."""
    try:
        return (data / "store" / ELSEWHERE).read_text().strip()
    except FileNotFoundError:
        return ""


async def _open_elsewhere(settings: StoreSettings, clock: Clock) -> Store:
    # What only such a store needs is imported only for one.
    if settings.kind == "postgresql":
        from cluster.meta.postgresql import PostgresqlStore

        return await PostgresqlStore.open(settings.postgresql, clock=clock)
    from cluster.meta.foundationdb import FoundationdbStore

    return await FoundationdbStore.open(settings.foundationdb, clock=clock)


async def open_stores(
    stack: AsyncExitStack, data: Path, settings: StoreSettings, clock: Clock
) -> tuple[Store, Blobs, Objects | None]:
    """The stores, closed with the stack: of metadata, of blobs, of packs (None where they would be in the store they
    are to relieve). Raises as `open_store`."""
    if settings.blobs == "store" and settings.packing.enabled:
        raise Misconfigured("Packs need a place: set [store] blobs to files or s3, or [store.packing] enabled = false.")
    _check_blobs(data, settings)
    store = await open_store(data, settings, clock)
    stack.push_async_callback(store.close)
    blobs: Blobs
    packs: Objects | None = None
    if settings.blobs == "s3":
        packs = await _open_s3(settings.s3)
        (data / BLOBS_ELSEWHERE).write_text(settings.blobs)
        blobs = ObjectBlobs(packs, clock=clock)
    elif settings.blobs == "files":
        packs = FileObjects(data, clock=clock)  # whose names begin with `packs/`
        blobs = FileBlobs(data / "blobs", clock=clock)
    else:
        blobs = InStoreBlobs(store, BLOBS_PREFIX, clock=clock)
    if packs is not None:
        stack.push_async_callback(packs.close)
    stack.push_async_callback(blobs.close)
    return store, blobs, packs


def blobs_elsewhere(data: Path) -> str:
    """Where large messages are, if it is across the network; else empty."""
    try:
        return (data / BLOBS_ELSEWHERE).read_text().strip()
    except FileNotFoundError:
        return ""


def _check_blobs(data: Path, settings: StoreSettings) -> None:
    """As with the store: nobody without the settings begins a second place for large messages."""
    elsewhere, files = blobs_elsewhere(data), data / "blobs"
    if elsewhere and elsewhere != settings.blobs:
        raise Misconfigured(
            f"The large messages of {data} are in {elsewhere}: start with [store] blobs = {elsewhere!r}."
        )
    if settings.blobs == "s3" and files.is_dir() and any(child.name != "tmp" for child in files.iterdir()):
        raise Misconfigured(f"{files} holds large messages already: name another --data for some in S3.")


async def _open_s3(settings: S3Settings) -> Objects:
    try:
        from cluster.blobs.objects_s3 import S3Objects
    except ModuleNotFoundError as error:
        if error.name != "minio":
            raise
        raise Misconfigured(
            "[store] blobs = 's3' needs the extra `cluster`: pip install 'rookery[cluster]'."
        ) from error
    return await S3Objects.open(settings)


def while_open(stack: AsyncExitStack, name: str, work: Coroutine[None, None, None]) -> None:
    """Run it in the background until the stack closes."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_told)
    stack.push_async_callback(_end, task)


def _told(task: "asyncio.Task[None]") -> None:
    """It runs for ever: that it has ended is a defect, and nothing else would show it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        structlog.get_logger().error("background_work_failed", work=task.get_name(), exc_info=error)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

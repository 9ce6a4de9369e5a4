"""The state of an `alone` server: stores, directory, the mailbox shard and its client. No gateway, no port.

The law: whoever opens a data directory holds its lock, so there is one owner; what is opened is closed in the reverse
order. The server and the command line (when no server runs) both stand on this.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

from actors.directory.client import DirectoryClient, DirectorySettings
from actors.mailbox.client import MailboxClient
from actors.mailbox.metrics import ShardMetrics
from actors.mailbox.shard import Shard
from actors.mailbox.sweeper import Sweeper
from actors.mailbox.types import Quota
from cluster.blobs.blobs import Blobs
from cluster.blobs.files import FileBlobs
from cluster.blobs.instore import InStoreBlobs
from cluster.clock import Clock, Dice, SystemClock, system_dice
from cluster.disk import make_directory
from cluster.errors import Misconfigured
from cluster.meta.lmdb import LmdbStore
from cluster.meta.lock import DataLock
from cluster.meta.sqlite import SqliteStore
from cluster.meta.store import Store
from cluster.placement.claims import Alone, next_incarnation
from cluster.placement.slots import SLOTS
from ops.settings import StoreSettings

MESSAGE_THREADS: Final = 2  # read and pack large messages; more would only fight for the processor
BLOBS_PREFIX: Final = b"B"
ELSEWHERE: Final = "elsewhere"  # the file beside no store that says where it is


class Core(NamedTuple):
    """What gateways and the admin service are given."""

    store: Store
    directory: DirectoryClient
    mailboxes: MailboxClient
    clock: Clock
    dice: Dice
    registry: CollectorRegistry
    alive: Callable[[], bool]


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
) -> AsyncIterator[Core]:
    """Open a data directory as its one owner. Raises Misconfigured while another has it, Corrupt, StoreFull."""
    settings = settings or StoreSettings()
    clock, dice = SystemClock(), system_dice()
    async with AsyncExitStack() as stack:
        stack.callback(DataLock(data).release)
        store, blobs = await _stores(stack, data, settings, clock)
        core = over(store, blobs, clock, dice, directory, registry or CollectorRegistry())
        made = await stack.enter_async_context(core)
        sweeper = Sweeper(store, blobs, clock, grace_ms=settings.keep_expunged_s * 1000)
        task = asyncio.create_task(
            sweeper.run(lambda: range(SLOTS), settings.sweep_every_s, blobs=True), name="sweeper"
        )
        stack.push_async_callback(_end, task)
        yield made


@asynccontextmanager
async def over(
    store: Store,
    blobs: Blobs,
    clock: Clock,
    dice: Dice,
    settings: DirectorySettings | None,
    registry: CollectorRegistry,
) -> AsyncIterator[Core]:
    """The actors over stores that stay the caller's to close."""
    directory = DirectoryClient(store, clock, dice, settings)

    async def quota_of(account: int) -> Quota:
        found = await directory.account_with(account)
        return Quota(found.quota_bytes, found.quota_messages) if found is not None else Quota()

    shard = Shard(store, clock, quota_of, ShardMetrics(registry), Alone(), await next_incarnation(store))
    shard.start()
    with ThreadPoolExecutor(MESSAGE_THREADS, thread_name_prefix="message") as threads:
        try:
            mailboxes = MailboxClient(OneShard(shard), store, blobs, clock, threads)
            yield Core(store, directory, mailboxes, clock, dice, registry, lambda: shard.alive)
            mailboxes.close()
        finally:
            await shard.stop()
            directory.close()


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


async def _stores(stack: AsyncExitStack, data: Path, settings: StoreSettings, clock: Clock) -> tuple[Store, Blobs]:
    store = await open_store(data, settings, clock)
    stack.push_async_callback(store.close)
    blobs: Blobs = (
        FileBlobs(data / "blobs", clock=clock)
        if settings.blobs == "files"
        else InStoreBlobs(store, BLOBS_PREFIX, clock=clock)
    )
    stack.push_async_callback(blobs.close)
    return store, blobs


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

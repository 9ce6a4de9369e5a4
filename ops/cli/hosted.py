"""The parts of a server that the admin service needs, opened for the time of one command, without any gateway."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

from actors.directory.client import DirectoryClient
from actors.mailbox.client import MailboxClient
from actors.mailbox.metrics import ShardMetrics
from actors.mailbox.shard import Shard
from actors.mailbox.types import Quota
from cluster.blobs.blobs import Blobs
from cluster.blobs.files import FileBlobs
from cluster.clock import Clock, SystemClock, system_dice
from cluster.meta.lmdb import LmdbStore
from cluster.meta.lock import DataLock
from cluster.meta.store import Store

THREADS: Final = 2  # read and pack large messages


class Parts(NamedTuple):
    """What the admin service is made of."""

    directory: DirectoryClient
    mailboxes: MailboxClient
    clock: Clock


class _One:
    """One shard for all accounts."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def shard_of(self, account: int) -> Shard:  # noqa: ARG002 (Directing's signature)
        return self._shard


@asynccontextmanager
async def parts_over(store: Store, blobs: Blobs, clock: Clock) -> AsyncIterator[Parts]:
    """The parts over a store, which stays the caller's to close."""
    directory = DirectoryClient(store, clock, system_dice())
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="message")

    async def quota_of(account: int) -> Quota:
        found = await directory.account_with(account)
        return Quota(found.quota_bytes, found.quota_messages) if found is not None else Quota()

    shard = Shard(store, clock, quota_of, ShardMetrics(CollectorRegistry()))
    shard.start()
    try:
        yield Parts(directory, MailboxClient(_One(shard), store, blobs, clock, threads), clock)
    finally:
        await shard.stop()
        directory.close()
        threads.shutdown()


@asynccontextmanager
async def hosted(data: Path) -> AsyncIterator[Parts]:
    """Open the data directory as its one server. Raises Misconfigured while another has it."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        stack.callback(DataLock(data).release)
        store = await LmdbStore.open(data / "store", clock=clock)
        stack.push_async_callback(store.close)
        blobs = FileBlobs(data / "blobs", clock=clock)
        stack.push_async_callback(blobs.close)
        yield await stack.enter_async_context(parts_over(store, blobs, clock))

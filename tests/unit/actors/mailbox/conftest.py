"""A shard on the memory store, with a clock that stands still."""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from actors.mailbox.client import MailboxClient
from actors.mailbox.metrics import ShardMetrics
from actors.mailbox.shard import Shard
from actors.mailbox.types import Quota
from cluster.blobs.memory import MemoryBlobs
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Store
from cluster.placement.claims import Alone, Claims
from tests.unit.actors.mailbox.far import Way


class Inline(Executor):
    """Threads that are none: work is done when it is handed over."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Do it now."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Place:
    """One data directory and whoever owns it now."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = ManualClock()
        self.blobs = MemoryBlobs(clock=self.clock)
        self.quota = Quota()
        self.shards: list[Shard] = []

    def new_owner(self, claims: Claims | None = None, incarnation: int = 0) -> Shard:
        """A shard that does not know of the others, in a process that started after theirs."""
        metrics = ShardMetrics(CollectorRegistry())
        number = incarnation or len(self.shards) + 1
        shard = Shard(self.store, self.clock, self._quota_of, metrics, claims or Alone(), number)
        shard.start()
        self.shards.append(shard)
        return shard

    def client(self, shard: Shard) -> MailboxClient:
        """A gateway's client of that shard."""
        return MailboxClient(Only(shard), self.store, self.blobs, self.clock, Inline())

    async def _quota_of(self, _account: int) -> Quota:
        return self.quota


class Only:
    """All accounts are on one shard."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard

    def shard_of(self, _account: int) -> Shard:
        """That one."""
        return self.shard


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """An empty place."""
    made = Place(MemoryStore())
    yield made
    for shard in made.shards:
        await shard.stop()


@pytest.fixture(params=["near", "far"])
async def client(place: Place, request: pytest.FixtureRequest) -> AsyncIterator[MailboxClient]:
    """A client of the place's first owner, beside it or across the data plane."""
    shard = place.new_owner()
    if request.param == "near":
        yield place.client(shard)
        return
    way = Way(shard, place.clock)
    made = MailboxClient(way.owner, place.store, place.blobs, place.clock, Inline())
    yield made
    made.close()
    await way.close()

"""One store, a clock that stands still, and whoever owns its slots: for all kinds of small shards.

The law: an owner knows nothing of the others but through the store and what its claims are told.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from actors.shell.client import Direct
from actors.shell.kind import Kind
from actors.shell.metrics import ShellMetrics
from actors.shell.shard import Shard
from cluster.blobs.memory import MemoryBlobs
from cluster.clock import ManualClock
from cluster.errors import Moved
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction
from cluster.placement.claims import Claim, next_incarnation

T = TypeVar("T")


class Scripted:
    """Claims as a test says: all slots under one epoch, but those taken away."""

    def __init__(self, incarnation: int, epoch: int = 1) -> None:
        self.incarnation = incarnation
        self.epoch = epoch
        self.gone: set[int] = set()
        self.expired = False

    def claim(self, slot: int) -> Claim | None:
        """As told."""
        if self.expired or slot in self.gone:
            raise Moved("It is not here.")
        return Claim(self.epoch, self.incarnation)


class Troubled(MemoryStore):
    """A store whose commits fail while told to, before or after they are durable; it counts those it was asked for."""

    before: Exception | None = None
    after: Exception | None = None
    commits = 0
    reads = 0

    async def transact(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Commit, or fail as told."""
        self.commits += 1
        if self.before is not None:
            raise self.before
        done = await super().transact(body)
        if self.after is not None:
            raise self.after
        return done

    async def get_many(self, keys: Any) -> Any:
        """Count and read."""
        self.reads += 1
        return await super().get_many(keys)


class Site:
    """A store and the shards over it."""

    def __init__(self) -> None:
        self.store = Troubled()
        self.clock = ManualClock()
        self.blobs = MemoryBlobs(clock=self.clock)
        self.shards: list[Shard[Any, Any]] = []

    async def owner(
        self, kind: Kind[Any, Any], *, epoch: int = 1, sweep_every_s: float = 0, **bounds: int
    ) -> tuple[Shard[Any, Any], Scripted]:
        """A new owner of all slots, and its claims."""
        claims = Scripted(await next_incarnation(self.store), epoch)
        metrics = ShellMetrics(CollectorRegistry())
        shard = Shard(kind, self.store, self.clock, claims, claims.incarnation, metrics, **bounds)
        shard.start(sweep_every_s)
        self.shards.append(shard)
        return shard, claims

    async def calling(self, kind: Kind[Any, Any]) -> Direct:
        """How to call a new owner."""
        shard, _claims = await self.owner(kind)
        return Direct({kind.name: shard})

    async def sweep(self, slots: Iterable[int]) -> int:
        """Let the newest owner sweep some slots, which is quicker than all."""
        return sum([await self.shards[-1].sweep_slot(slot) for slot in slots])

    async def rows(self, prefix: bytes) -> list[bytes]:
        """The keys under a prefix."""
        return [key for key, _value in await self.store.range(prefix, prefix + b"\xff")]

    async def stop(self) -> None:
        """End all."""
        for shard in self.shards:
            await shard.stop()

"""The registry in memory: several `processes` of one loop share a server; each can be cut off, the server restarted.

The law: registry.py's, and the same inputs give the same outputs: time passes in the loop's timers and the clocks
passed in, nothing else. What the knobs do is what etcd and a network do, never more.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from cluster.clock import Clock
from cluster.errors import Unavailable
from cluster.membership.registry import TTL_S_MIN, Compare, Entry, Lease, Snapshot, Update, Watch
from cluster.membership.watching import UpdateQueue, check_change

HISTORY_MAX: Final = 10_000  # revisions; older ones are compacted
LIVES_A_TTL: Final = 3
RETRY_S: Final = 0.2  # after a renewal that did not arrive
FIRST_LEASE: Final = 1


class _Held:
    """A lease as the server has it."""

    def __init__(self, ttl_s: int) -> None:
        self.ttl_s = ttl_s
        self.keys: set[str] = set()
        self.timer: asyncio.TimerHandle | None = None


class MemoryRegistryServer:
    """All that is in the registry. Made in a running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._entries: dict[str, Entry] = {}
        self._owner: dict[str, int] = {}  # the lease of a key
        self._leases: dict[int, _Held] = {}
        self._last_lease = FIRST_LEASE
        self._history: deque[tuple[int, dict[str, Entry | None]]] = deque()
        self._compacted = 0  # history up to here is gone
        self._watches: dict[_MemoryWatch, None] = {}  # in the order of their making
        self.revision = 1
        self.up = True

    def connect(self, clock: Clock) -> "MemoryRegistry":
        """A process's registry."""
        return MemoryRegistry(self, clock)

    def stop(self) -> None:
        """Answer nobody, and let no lease run out meanwhile (etcd's do not without a leader)."""
        self.up = False
        for held in self._leases.values():
            if held.timer is not None:
                held.timer.cancel()

    def start(self) -> None:
        """Answer again, with all data; every lease has its whole time anew, as after an election in etcd."""
        self.up = True
        for number in self._leases:
            self._wind(number)
        self.tell()

    def compact(self) -> None:
        """Forget all history: a watch that has not heard all of it starts over."""
        self._compacted = self.revision
        self._history.clear()

    def expire(self, lease: int) -> None:
        """End a lease, with its keys; none is no error."""
        held = self._leases.pop(lease, None)
        if held is None:
            return
        if held.timer is not None:
            held.timer.cancel()
        if held.keys:
            self._write({}, sorted(held.keys), 0)

    def grant(self, ttl_s: int) -> int:
        """A lease's number."""
        self._last_lease += 1
        self._leases[self._last_lease] = _Held(ttl_s)
        self._wind(self._last_lease)
        return self._last_lease

    def renew(self, lease: int) -> bool:
        """False: there is no such lease."""
        self._wind(lease)
        return lease in self._leases

    def snapshot(self, prefix: str) -> Snapshot:
        """All keys with the prefix."""
        return Snapshot(
            self.revision, {key: entry for key, entry in sorted(self._entries.items()) if key.startswith(prefix)}
        )

    def change(
        self, puts: Mapping[str, bytes], deletes: Sequence[str], when: Sequence[Compare], lease: int
    ) -> int | None:
        """See registry.Registry.change. Raises Unavailable for a lease that is gone."""
        for key, revision in when:
            entry = self._entries.get(key)
            if (entry.revision if entry else 0) != revision:
                return None
        if puts and lease and lease not in self._leases:
            raise Unavailable("The registry's lease is gone; try again with another.", log=f"no lease {lease}")
        self._write(puts, deletes, lease)
        return self.revision

    def attach(self, watch: "_MemoryWatch") -> None:
        """Tell it from now on."""
        self._watches[watch] = None
        self._loop.call_soon(self.tell)

    def detach(self, watch: "_MemoryWatch") -> None:
        """Tell it no more."""
        self._watches.pop(watch, None)

    def tell(self) -> None:
        """Bring every watch that can be reached up to date."""
        for watch in list(self._watches):
            if self.up and watch.reachable:
                self._tell(watch)

    def _tell(self, watch: "_MemoryWatch") -> None:
        if watch.heard is None or watch.heard < self._compacted:
            if not watch.ran_over:
                watch.restart(self.snapshot(watch.prefix))
                watch.heard = self.revision
            return
        missed = self.revision - watch.heard
        for revision, changed in list(self._history)[-missed:] if missed else ():
            mine = {key: entry for key, entry in changed.items() if key.startswith(watch.prefix)}
            if mine and not watch.offer(Update(revision, mine)):
                watch.heard = None
                return
            watch.heard = revision

    def _write(self, puts: Mapping[str, bytes], deletes: Sequence[str], lease: int) -> None:
        changed: dict[str, Entry | None] = {}
        next_revision = self.revision + 1
        for key, value in puts.items():
            before = self._entries.get(key)
            changed[key] = Entry(bytes(value), before.created if before else next_revision, next_revision)
        changed.update((key, None) for key in deletes if key in self._entries)
        if not changed:
            return
        self.revision = next_revision
        for key, entry in changed.items():
            self._keep(key, entry, lease)
        self._history.append((self.revision, changed))
        if len(self._history) > HISTORY_MAX:
            self._compacted = self._history.popleft()[0]
        self.tell()

    def _keep(self, key: str, entry: Entry | None, lease: int) -> None:
        if (held := self._leases.get(self._owner.pop(key, 0))) is not None:
            held.keys.discard(key)
        if entry is None:
            del self._entries[key]
            return
        self._entries[key] = entry
        if lease:
            self._owner[key] = lease
            self._leases[lease].keys.add(key)

    def _wind(self, lease: int) -> None:
        """Give the lease its whole time."""
        if (held := self._leases.get(lease)) is not None:
            if held.timer is not None:
                held.timer.cancel()
            held.timer = self._loop.call_later(held.ttl_s, self.expire, lease)


class MemoryLease:
    """Renewed by a timer of the loop, each third of its time."""

    def __init__(self, registry: "MemoryRegistry", number: int, ttl_s: int, until: float) -> None:
        self._registry = registry
        self._ttl_s = ttl_s
        self._until = until
        self._gone = False
        self.id: Final = number
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(ttl_s / LIVES_A_TTL, self._renew)

    @property
    def until(self) -> float:
        """Until when the server surely holds it."""
        return self._until

    @property
    def lost(self) -> bool:
        """Whether it is gone, or may be."""
        return self._gone or self._registry.clock.monotonic() >= self._until

    async def revoke(self) -> None:
        """Give it up, with its keys. Never raises."""
        self.stop()
        try:
            await self._registry.revoke(self.id)
        except Unavailable:
            pass  # it runs out

    def stop(self) -> None:
        """Renew it no more; it counts as lost."""
        self._gone = True
        self._timer.cancel()

    def _renew(self) -> None:
        if self.lost:
            self._gone = True
            return
        if self._registry.reachable:
            if not self._registry.server.renew(self.id):
                self._gone = True
                return
            self._until = self._registry.clock.monotonic() + self._ttl_s
        again_s = self._ttl_s / LIVES_A_TTL if self._registry.reachable else RETRY_S
        self._timer = self._loop.call_later(again_s, self._renew)


class _MemoryWatch(UpdateQueue):
    def __init__(self, registry: "MemoryRegistry", prefix: str) -> None:
        super().__init__(on_wanted=self._start_over, on_close=lambda: registry.forget(self))
        self._registry = registry
        self.prefix = prefix
        self.heard: int | None = None  # the last revision told; None: nothing, or too much

    @property
    def reachable(self) -> bool:
        """Whether it can be told now."""
        return self._registry.reachable

    def _start_over(self) -> None:
        self.forgive()
        self._registry.server.tell()


class MemoryRegistry:
    """One process's side. See registry.Registry for its methods.

    Knobs: `cut` and `heal` the connection; `lose_answer`: the next change is made, but its answer is lost.
    """

    def __init__(self, server: MemoryRegistryServer, clock: Clock) -> None:
        self.server = server
        self.clock = clock
        self.lose_answer = False
        self._cut = False
        self._closed = False
        self._leases: set[MemoryLease] = set()
        self._watches: dict[_MemoryWatch, None] = {}  # in the order of their making

    @property
    def reachable(self) -> bool:
        """Whether calls arrive."""
        return self.server.up and not self._cut and not self._closed

    def cut(self) -> None:
        """From now on nothing arrives: calls raise Unavailable, watches hear nothing, no lease is renewed."""
        self._cut = True

    def heal(self) -> None:
        """Connected again; watches hear what they missed."""
        self._cut = False
        self.server.tell()

    async def get(self, key: str) -> Entry | None:
        """One key, as of now."""
        return (await self.snapshot(key)).entries.get(key)

    async def snapshot(self, prefix: str) -> Snapshot:
        """All keys with the prefix, as of now."""
        await self._arrive()
        return self.server.snapshot(prefix)

    async def change(
        self,
        puts: Mapping[str, bytes],
        *,
        deletes: Sequence[str] = (),
        when: Sequence[Compare] = (),
        lease: Lease | None = None,
    ) -> int | None:
        """Write all, if all of `when` holds; the revision, or None."""
        check_change(puts, deletes)
        await self._arrive()
        try:
            done = self.server.change(puts, deletes, when, lease.id if lease else 0)
        except Unavailable:
            if isinstance(lease, MemoryLease):
                lease.stop()
            raise
        if self.lose_answer:
            self.lose_answer = False
            raise Unavailable("The registry does not answer; try again later.", log="the answer was lost")
        return done

    async def grant(self, ttl_s: int) -> Lease:
        """A lease, kept alive."""
        sent = self.clock.monotonic()
        await self._arrive()
        ttl_s = max(ttl_s, TTL_S_MIN)
        lease = MemoryLease(self, self.server.grant(ttl_s), ttl_s, sent + ttl_s)
        self._leases = {held for held in self._leases if not held.lost} | {lease}
        return lease

    async def revoke(self, lease: int) -> None:
        """Revoke a lease by its number."""
        await self._arrive()
        self.server.expire(lease)

    def watch(self, prefix: str) -> Watch:
        """First a reset, then every change."""
        watch = _MemoryWatch(self, prefix)
        self._watches[watch] = None
        self.server.attach(watch)
        return watch

    def forget(self, watch: _MemoryWatch) -> None:
        """A watch that has ended."""
        self._watches.pop(watch, None)
        self.server.detach(watch)

    async def close(self) -> None:
        """As when the process ends: leases run out, watches end."""
        self._closed = True
        for lease in self._leases:
            lease.stop()
        for watch in list(self._watches):
            watch.close()

    async def _arrive(self) -> None:
        """A call takes a turn of the loop. Raises Unavailable."""
        await asyncio.sleep(0)
        if not self.reachable:
            raise Unavailable("The registry does not answer; try again later.", log="the registry is cut off")

"""Watches a cluster from outside, in a thread with a loop of its own, where the clients of the load live too.

The law: it only reads. What waits, waits with a bound.
"""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Final, TypeVar
from urllib.request import urlopen

from actors.mailbox.keys import slot_of
from cluster.clock import SystemClock
from cluster.hosting.alone import new_loop
from cluster.membership.etcd import EtcdRegistry
from cluster.membership.members import Layout, Member
from cluster.membership.settings import EtcdSettings
from cluster.placement.watching import Watching

KIND: Final = "mailbox"
LOOK_S: Final = 0.02
METRICS_S: Final = 2.0
_FENCED: Final = re.compile(rb'rookery_mailbox_failed_batches_total\{cause="Fenced"\} ([\d.]+)')
T = TypeVar("T")


class Loop:
    """An event loop in a thread: faults block the main thread, the load goes on."""

    def __init__(self) -> None:
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="load", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Run it there and wait. Raises TimeoutError, and what it raises."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout_s)
        finally:
            future.cancel()

    def close(self) -> None:
        """Cancel what runs, and end."""

        async def end() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=5) if others else None

        self.run(end(), 10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Observer:
    """What the registry says of the cluster. Made and closed in its loop."""

    def __init__(self, etcd: EtcdSettings, cluster: str) -> None:
        self.registry = EtcdRegistry(etcd, SystemClock())
        self.layout = Layout(cluster)
        self._watching = Watching(self.registry, self.layout)
        self._watching.start()

    async def close(self) -> None:
        """Stop watching."""
        await self._watching.close()
        await self.registry.close()

    @property
    def known(self) -> Any:
        """As cluster/placement/known.py has it."""
        return self._watching.known

    def owner(self, account: int) -> str:
        """The name of the shard that the map has for the account; empty: none."""
        slots = self.known.slots.get(KIND)
        assignment = None if slots is None else slots[slot_of(account)]
        return "" if assignment is None else assignment.shard

    def slots_of(self, shard: str) -> int:
        """How many the map gives to this shard."""
        slots = self.known.slots.get(KIND) or ()
        return sum(1 for each in slots if each is not None and each.shard == shard)

    def members(self) -> dict[str, Member]:
        """All shards and gateways that are announced."""
        shards = [each for kind in self.known.shards.values() for each in kind.values()]
        return {member.name: member for member in (*shards, *self.known.gateways.values())}

    def is_whole(self, pids: dict[str, int]) -> str:
        """Why the cluster does not serve with all of these processes; empty when it does."""
        members = self.members()
        for name, pid in pids.items():
            if name.startswith("controller-"):
                continue
            if name not in members or members[name].process != pid:
                return f"{name} ({pid}) is not announced: {members.get(name)}"
        slots = self.known.slots.get(KIND)
        if slots is None or any(each is None or each.shard not in members for each in slots):
            return "not every slot has a living owner"
        return "" if self.known.leader is not None else "nobody leads"


def fenced(shards: Iterable[Member]) -> int:
    """How many of their writes the store has refused since they started, because another owned the slot."""
    total = 0
    for shard in shards:
        with suppress(OSError), urlopen(f"http://{shard.metrics}/metrics", timeout=METRICS_S) as answer:
            for found in _FENCED.finditer(answer.read()):
                total += int(float(found[1]))
    return total


def wait_for(reason: Callable[[], str], timeout_s: float) -> float:
    """Until there is no reason to wait; the seconds it took. Raises TimeoutError with the reason."""
    began = time.monotonic()
    while why := reason():
        if time.monotonic() - began > timeout_s:
            raise TimeoutError(f"after {timeout_s:.0f} s: {why}")
        time.sleep(LOOK_S)
    return time.monotonic() - began

"""Reading a watch in a test: what is known by now, every wait bounded."""

import asyncio
from collections.abc import Callable

from cluster.membership.registry import Entry, Registry, Update, Watch

WAIT_S = 30.0  # etcd elects within seconds; more is a failure


async def next_update(watch: Watch, timeout_s: float = WAIT_S) -> Update:
    async with asyncio.timeout(timeout_s):
        return await anext(watch)


class Known:
    """What a reader of a watch knows. `resets` counts the times it had to start over."""

    def __init__(self, registry: Registry, prefix: str) -> None:
        self.watch = registry.watch(prefix)
        self.entries: dict[str, Entry] = {}
        self.resets = 0
        self.revisions: list[int] = []
        self.values: list[bytes] = []  # every value told as a change, in order

    def take(self, update: Update) -> None:
        if update.reset:
            self.resets += 1
            self.entries = {}
        self.revisions.append(update.revision)
        for key, entry in update.entries.items():
            if entry is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = entry
                if not update.reset:
                    self.values.append(entry.value)

    async def until(self, holds: Callable[["Known"], bool], timeout_s: float = WAIT_S) -> None:
        async with asyncio.timeout(timeout_s):
            while not holds(self):
                self.take(await anext(self.watch))


def says(key: str, value: bytes) -> Callable[[Known], bool]:
    """For `Known.until`: the key has this value."""

    def holds(known: Known) -> bool:
        return key in known.entries and known.entries[key].value == value

    return holds


async def until(holds: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(timeout_s):
        while not holds():
            await asyncio.sleep(0.01)

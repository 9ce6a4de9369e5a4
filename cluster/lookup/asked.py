"""What a keyed source said lately, and one question for all who want the same.

The law: at most `cache_max` answers are remembered and ASKING_MAX questions are on their way; who waits in vain hears
why, and the next one asks anew.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from cluster.clock import Clock
from cluster.errors import Unavailable
from cluster.lookup.sources import Keyed
from cluster.lookup.table import KEY_CHARACTERS_MAX
from cluster.rules.facts import NOT_THERE, TO_ASK, Missing

ASKING_MAX: Final = 1_000


class Asked:
    """A keyed source with its memory."""

    def __init__(self, source: Keyed, clock: Clock, *, ttl_s: float, cache_max: int) -> None:
        self._source = source
        self._clock = clock
        self._ttl_s = ttl_s
        self._cache_max = cache_max
        self._known: OrderedDict[str, tuple[float, str | Missing]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[str | Missing]] = {}

    def find(self, key: str) -> str | Missing:
        """What is known of a key now; TO_ASK for nothing."""
        if len(key) > KEY_CHARACTERS_MAX:
            return NOT_THERE
        known = self._known.get(key)
        if known is None or self._clock.monotonic() >= known[0]:
            return TO_ASK
        return known[1]

    async def ask(self, key: str) -> str | Missing:
        """The value of a key. Raises Trouble."""
        found = self.find(key)
        if found is not TO_ASK:
            return found
        task = self._asking.get(key)
        if task is None:
            if len(self._asking) >= ASKING_MAX:
                raise Unavailable("A lookup is busy.", log=f"{ASKING_MAX} keys are being looked up")
            task = asyncio.get_running_loop().create_task(self._source.ask(key))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._answered(key, done))
        return await asyncio.shield(task)  # who gives up must not end it for the others

    def _answered(self, key: str, task: "asyncio.Task[str | Missing]") -> None:
        self._asking.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        self._known[key] = (self._clock.monotonic() + self._ttl_s, task.result())
        self._known.move_to_end(key)
        while len(self._known) > self._cache_max:
            self._known.popitem(last=False)

    async def close(self) -> None:
        """End what is on its way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._source.close()

"""When something was last used, to the day: noted once a day and process, however often it is used.

The law: what cannot be noted is not, and keeps nobody out.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final

import structlog

from cluster.clock import Clock
from cluster.errors import Trouble
from cluster.meta.store import Store, Transaction

NOTED_MAX: Final = 10_000  # of the things used today: about 1 MB
DAY_MS: Final = 24 * 3600 * 1000

_log = structlog.get_logger()


class Noting:
    """Those of a process."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._days: OrderedDict[Hashable, int] = OrderedDict()

    async def used(self, key: Hashable, body: Callable[[Transaction, int], Awaitable[Any]]) -> None:
        """Note that it was, with `body` and the time (ms) where that is not done for today. Raises nothing."""
        now = self._clock.now_ms()
        if self._days.get(key) == now // DAY_MS:
            return
        self._days[key] = now // DAY_MS
        self._days.move_to_end(key)
        if len(self._days) > NOTED_MAX:
            self._days.popitem(last=False)
        try:
            await self._store.transact(lambda tx: body(tx, now))
        except Trouble as trouble:
            _log.warning("use_not_noted", why=trouble.log)

"""Tallies without a shard: what ThrottleClient.tally says, of one process and as long as that lasts. For tests.

The law: it counts as a shard does, with the same functions; so who is tested with it has been tested with both.
"""

from collections.abc import Sequence

from actors.throttle.client import CALL_S, Limit, Told
from actors.throttle.counting import Counted, as_of, counted, wait_for_rate
from cluster.clock import Clock
from cluster.errors import Trouble


class MemoryTallies:
    """`trouble` is raised while there is one, as by shards that are away; `asked` counts the calls."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._units: dict[tuple[str, str], Counted] = {}
        self.trouble: Trouble | None = None
        self.asked = 0

    async def tally(self, limits: Sequence[Limit], ident: bytes = b"", *, timeout_s: float = CALL_S) -> list[Told]:  # noqa: ARG002
        """As ThrottleClient's."""
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return [self._told(limit, ident) for limit in limits]

    def _told(self, limit: Limit, ident: bytes) -> Told:
        unit = as_of(self._units.get((limit.name, limit.key)), self._clock.now_ms(), round(limit.per_s * 1000))
        if ident:
            unit = self._units[limit.name, limit.key] = counted(unit, ident)
        return Told(sum(spell.count for spell in unit.spells), wait_for_rate(unit, b"", limit.rate) / 1000)

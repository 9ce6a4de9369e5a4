"""How long to wait, when a cluster boots, before slots are given to whoever is there: else the first shard to come
would get all, and give most of them back.

The law: a kind waits for its shards once, when it boots; what dies later is failed over at once.
"""

from collections.abc import Collection, Iterable
from typing import Annotated

from msgspec import Meta, Struct


class GraceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the controller waits for shards when a cluster boots."""

    quiet_s: Annotated[
        float, Meta(description="Seconds without a new shard after which all are thought to be there.", ge=0, le=60)
    ] = 1.0
    longest_s: Annotated[
        float, Meta(description="Seconds after the first shard at which waiting ends in any case.", ge=0, le=600)
    ] = 5.0


class Grace:
    """One for each kind, each time a controller takes the lead. Times are the clock's `monotonic` seconds."""

    def __init__(self, settings: GraceSettings) -> None:
        self._settings = settings
        self._seen: set[str] = set()  # names, bounded by the shards of a kind
        self._first = 0.0
        self._newest = 0.0
        self._over = False

    def left_s(self, live: Collection[str], assigned: Iterable[str], now: float) -> float | None:
        """Seconds still to wait; 0: go on; None: until a shard comes. `live`, `assigned`: names of shards there are,
        and of those the map has: when more than half of them live, the cluster is not booting."""
        if not live:
            # All gone: when shards come back, that is a boot.
            self._seen.clear()
            self._over = False
            return None
        if self._over:
            return 0.0
        names = set(assigned)
        if 2 * len(names.intersection(live)) > len(names):
            self._over = True
            return 0.0
        if not self._seen:
            self._first = now
        if not self._seen.issuperset(live):
            self._seen.update(live)
            self._newest = now
        end = min(self._newest + self._settings.quiet_s, self._first + self._settings.longest_s)
        self._over = now >= end
        return max(0.0, end - now)

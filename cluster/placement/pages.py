"""The slot maps in the registry, as a leader reads and writes them.

The law: a write happens only while the leader's key is as it was when the lead was won, and the page as it was when it
was read. After a write that failed, or whose outcome is unknown, nothing is written before all was read again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import structlog

from cluster.errors import Corrupt
from cluster.membership.members import KINDS, Layout
from cluster.membership.registry import CHANGES_MAX, VALUE_BYTES_MAX, Compare, Registry
from cluster.meta.store import Store
from cluster.placement.claims import next_incarnation
from cluster.placement.slotmap import NOTHING, PAGES, Page, SlotMap, decode_page, encode_page, first_epoch, page_of

Owners = Mapping[str, Mapping[int, str]]
"""By kind: the new owner's name by slot."""

_NEVER: Final = 0  # the revision of a key that is not there


class Pages:
    """One for each time of leading. `maps` is what stands in the registry as far as this leader knows."""

    def __init__(self, registry: Registry, layout: Layout, store: Store, leader: Compare) -> None:
        self._registry = registry
        self._layout = layout
        self._store = store
        self._leader = leader
        self._revisions: dict[str, int] = {}  # of each page's key
        self._log = structlog.get_logger()
        self.maps: dict[str, SlotMap] = {}
        self.fresh = False  # whether `maps` may be written from

    async def load(self) -> None:
        """Read all. Raises Unavailable."""
        snapshot = await self._registry.snapshot(self._layout.slots)
        self._revisions = {key: entry.revision for key, entry in snapshot.entries.items()}
        self.maps = {
            kind: SlotMap.from_pages(
                {
                    number: self._decoded(key, snapshot.entries[key].value)
                    for number in range(PAGES)
                    if (key := self._layout.page(kind, number)) in snapshot.entries
                }
            )
            for kind in KINDS
        }
        self.fresh = True

    async def assign(self, owners: Owners, gone: Sequence[tuple[str, str]] = ()) -> bool:
        """Give slots to new owners, each under its next epoch, in one change, or in several where that is too large.

        `gone`: kind and name of shards that must not be announced then. False: one is, or the lead or a page was lost
        meanwhile. Raises Unavailable, with unknown outcome. After either nothing
        may be assigned before `load`.
        """
        first = await self._first_epoch(owners)
        self.fresh = False
        maps = {kind: self.maps[kind].assigned(slots, first) for kind, slots in owners.items()}
        puts = {
            self._layout.page(kind, number): encode_page(number, maps[kind].pages[number])
            for kind, slots in owners.items()
            for number in sorted({page_of(slot) for slot in slots})
        }
        absent = [Compare(f"{self._layout.shards}{kind}/{name}", _NEVER) for kind, name in gone]
        for some in _batches(puts):
            when = [self._leader, *absent, *(Compare(key, self._revisions.get(key, _NEVER)) for key in some)]
            revision = await self._registry.change(some, when=when)
            if revision is None:
                return False
            self._revisions |= dict.fromkeys(some, revision)
        self.maps |= maps
        self.fresh = True
        return True

    @property
    def newest(self) -> int:
        """The revision of the newest page."""
        return max(self._revisions.values(), default=0)

    async def _first_epoch(self, owners: Owners) -> int:
        """For slots that had no owner: above all epochs that were ever given. 0 where there are none."""
        if all(self.maps[kind][slot] is not None for kind, slots in owners.items() for slot in slots):
            return 0
        return first_epoch(await next_incarnation(self._store))

    def _decoded(self, key: str, stored: bytes) -> Page:
        try:
            return decode_page(stored)
        except Corrupt as error:
            # It is made anew, above all epochs there were.
            self._log.error("slot_map_page_unreadable", key=key, error=error.log)
            return NOTHING


def _batches(puts: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
    """What one change may hold, each: the pages of all kinds, where shards are not many hundreds."""
    batch: dict[str, bytes] = {}
    size = 0
    for key, value in puts.items():
        if batch and (len(batch) == CHANGES_MAX or size + len(value) > VALUE_BYTES_MAX):
            yield batch
            batch, size = {}, 0
        batch[key] = value
        size += len(value)
    if batch:
        yield batch

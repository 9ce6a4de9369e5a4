"""What the registry says of the cluster, as far as its changes have been seen: members, slot maps, wishes.

The law: a value that cannot be read counts as one that is not there, and is logged; it never stops the watching. The
mappings are replaced, never changed, so whoever holds one may compare it by identity.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import structlog

from cluster.errors import Corrupt
from cluster.membership.members import ControllerState, Drain, Layout, Levels, Member, Wanted
from cluster.membership.registry import Update
from cluster.placement.slotmap import NOTHING, PAGES, Page, SlotMap, decode_page

T = TypeVar("T")


class Known:
    """Filled by `apply`; read-only for everybody else."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._log = structlog.get_logger()
        self._forget()

    def _forget(self) -> None:
        self.shards: Mapping[str, Mapping[str, Member]] = {}  # by kind, then name
        self.gateways: Mapping[str, Member] = {}
        self.slots: Mapping[str, SlotMap] = {}  # by kind
        self.drains: Mapping[str, Drain] = {}  # by node
        self.leader: Member | None = None
        self.wanted = Wanted()
        self.controller = ControllerState()
        self.levels = Levels()

    def owner(self, kind: str, slot: int) -> Member | None:
        """The living member whose name the map has for the slot. On the path of every call."""
        slots = self.slots.get(kind)
        assignment = None if slots is None else slots[slot]
        return None if assignment is None else self.shards.get(kind, {}).get(assignment.shard)

    def apply(self, update: Update) -> None:
        """Take in what a watch of the cluster's root gave."""
        if update.reset:
            self._forget()
        pages: dict[str, dict[int, Page]] = {}
        for key, entry in update.entries.items():
            self._take(key, None if entry is None else entry.value, pages)
        for kind, changed in pages.items():
            before = self.slots.get(kind, SlotMap()).pages
            self.slots = {**self.slots, kind: SlotMap.from_pages(dict(enumerate(before)) | changed)}

    def _take(self, key: str, value: bytes | None, pages: dict[str, dict[int, Page]]) -> None:
        layout = self._layout
        if key.startswith(layout.shards):
            kind, _, name = key.removeprefix(layout.shards).partition("/")
            self.shards = {**self.shards, kind: self._with(self.shards.get(kind, {}), name, key, value, Member)}
        elif key.startswith(layout.slots):
            kind, _, number = key.removeprefix(layout.slots).partition("/")
            if number.isdecimal() and len(number) < len(str(PAGES)) + 2 and int(number) < PAGES:
                pages.setdefault(kind, {})[int(number)] = self._page(key, value)
        elif key.startswith(layout.gateways):
            self.gateways = self._with(self.gateways, key.removeprefix(layout.gateways), key, value, Member)
        elif key.startswith(layout.drains):
            self.drains = self._with(self.drains, key.removeprefix(layout.drains), key, value, Drain)
        elif key == layout.leader:
            self.leader = self._read(key, value, Member)
        elif key == layout.wanted:
            self.wanted = self._read(key, value, Wanted) or Wanted()
        elif key == layout.controller:
            self.controller = self._read(key, value, ControllerState) or ControllerState()
        elif key == layout.loglevel:
            self.levels = self._read(key, value, Levels) or Levels()

    def _with(self, before: Mapping[str, T], name: str, key: str, value: bytes | None, shape: type[T]) -> dict[str, T]:
        """A copy of a mapping with this name set or gone."""
        after = {other: each for other, each in before.items() if other != name}
        found = self._read(key, value, shape)
        if found is not None:
            after[name] = found
        return after

    def _read(self, key: str, value: bytes | None, shape: type[T]) -> T | None:
        if value is None:
            return None
        try:
            return msgspec.json.decode(value, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._unreadable(key, error)
            return None

    def _page(self, key: str, value: bytes | None) -> Page:
        if value is None:
            return NOTHING
        try:
            return decode_page(value)
        except Corrupt as error:
            self._unreadable(key, error)
            return NOTHING

    def _unreadable(self, key: str, error: Any) -> None:
        self._log.error("registry_value_unreadable", key=key, error=str(error))

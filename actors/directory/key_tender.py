"""What happens to DKIM keys by themselves: a waiting key signs once its record is seen, a retired one is removed.

The law: a key becomes active only when the DNS told its whole record; what could not be asked changes nothing. Each
step is a change of the directory like an operator's, so it may be done by several at once, and again.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

import structlog
from msgspec import Meta, Struct

from actors.directory.editor import PAGE_MAX, Editor
from actors.directory.types import DkimKey, DkimState
from cluster.clock import Clock
from cluster.dns.resolver import Resolver
from cluster.errors import NotFound, Trouble
from mail.trust.publish import Record, State, seen

DAY_MS: Final = 24 * 3600 * 1000

_log = structlog.get_logger()


class DkimSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """DKIM keys: what is done with them without being told."""

    activate_when_seen: Annotated[
        bool, Meta(description="A new key begins to sign once its DNS record was seen; else only when told to.")
    ] = True
    keep_retired_days: Annotated[
        int,
        Meta(
            description="How long a retired key is kept, so that its record stays published: longer than mail waits in "
            "queues, and looks at signatures later.",
            ge=1,
            le=3650,
        ),
    ] = 14
    check_every_s: Annotated[int, Meta(description="How often both are looked at.", ge=60)] = 600


class Tended(NamedTuple):
    """What one look did."""

    activated: tuple[DkimKey, ...]
    removed: tuple[DkimKey, ...]


class KeyTender:
    """Looks after the keys of all domains. `run` does so for as long as a server lives."""

    def __init__(self, directory: Editor, resolver: Resolver, clock: Clock, settings: DkimSettings) -> None:
        self._directory = directory
        self._resolver = resolver
        self._clock = clock
        self._settings = settings

    async def run(self, mine: Callable[[], bool]) -> None:
        """Look every `check_every_s` until cancelled, where the turn is ours: one process of a cluster is enough."""
        while True:
            await asyncio.sleep(self._settings.check_every_s)
            try:
                if mine():
                    await self.tend()
            except Trouble as trouble:  # what is left waits for the next turn
                _log.warning("dkim_tending_failed", why=trouble.log)

    async def tend(self) -> Tended:
        """Look once at every domain. Raises what the store does."""
        activated: list[DkimKey] = []
        removed: list[DkimKey] = []
        before_ms = self._clock.now_ms() - self._settings.keep_retired_days * DAY_MS
        after, first = "", True
        while after or first:  # ends: each page begins after the one before
            page = await self._directory.list_domains(after=after, limit=PAGE_MAX)
            for domain in page.items:
                try:
                    keys = await self._directory.list_dkim_keys(domain.name)
                    activated += await self._activate(keys)
                    if any(key.state is DkimState.RETIRED and key.changed_ms < before_ms for key in keys):
                        removed += await self._directory.remove_old_dkim_keys(domain.name, before_ms)
                except NotFound:  # removed meanwhile
                    continue
            after, first = page.after, False
        for key in removed:
            _log.info("dkim_key_removed", domain=key.domain, selector=key.selector)
        return Tended(tuple(activated), tuple(removed))

    async def _activate(self, keys: list[DkimKey]) -> list[DkimKey]:
        if not self._settings.activate_when_seen:
            return []
        activated = []
        for key in keys:
            if key.state is DkimState.WAITING and await self._published(key):
                changed = await self._directory.change_dkim_key(key.domain, key.selector, DkimState.ACTIVE)
                _log.info("dkim_key_activated", domain=key.domain, selector=key.selector)
                activated.append(changed)
        return activated

    async def _published(self, key: DkimKey) -> bool:
        name = f"{key.selector}._domainkey.{key.domain}"
        answer = await self._resolver.ask(name, "TXT")
        return seen(Record(name, "TXT", key.record, ""), answer).state is State.PRESENT

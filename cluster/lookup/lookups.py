"""All lookups of a process by name: what rules ask (cluster.rules.facts.Tables).

The law: `find` answers at once and from memory; a lookup that has nothing and no fall-back fails the rule, never the
server. Whole sources are read before the first rule is, and then in the background.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from cluster.clock import Clock
from cluster.errors import Misconfigured, Trouble, Unavailable
from cluster.lookup.asked import Asked
from cluster.lookup.files import File, Inline
from cluster.lookup.http import Http
from cluster.lookup.rows import NAME_BYTES_MAX, StoreRows
from cluster.lookup.settings import LookupSettings
from cluster.lookup.sources import Keyed, Whole
from cluster.lookup.sql import Postgresql, Sqlite
from cluster.lookup.table import Table
from cluster.meta.store import Store
from cluster.rules.facts import Failed, Missing

RETRY_S: Final = 30.0  # after a failed reading, where that is sooner than the next one


class _Lookup(Protocol):
    def find(self, key: str) -> str | Missing: ...
    async def ask(self, key: str) -> str | Missing: ...
    async def close(self) -> None: ...


class LookupMetrics:
    """What lookups count; the names are the administrator's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "rookery_lookup_failures", "Readings and questions that failed.", ["lookup"], registry=registry
        )
        self.entries = Gauge("rookery_lookup_entries", "Entries held.", ["lookup"], registry=registry)


class _Held:
    """A whole source with the last table that it gave."""

    def __init__(self, name: str, source: Whole, metrics: LookupMetrics) -> None:
        self._name = name
        self.source = source
        self._metrics = metrics
        self._table: Table | None = None
        self._log = structlog.get_logger()

    def find(self, key: str) -> str | Missing:
        if self._table is None:
            raise Failed(f"lookup {self._name} could not be read yet")
        return self._table.find(key)

    async def ask(self, key: str) -> str | Missing:
        return self.find(key)

    async def read(self) -> None:
        table = await self.source.read()
        if table is not None:
            self._table = table
            self._metrics.entries.labels(self._name).set(len(table))
            self._log.info("lookup.read", lookup=self._name, entries=len(table))

    async def tried(self) -> bool:
        try:
            await self.read()
        except Exception as error:  # noqa: BLE001 - also a defect must not end the reading
            self._metrics.failures.labels(self._name).inc()
            self._log.warning("lookup.failed", lookup=self._name, why=_why(error), kept=self._table is not None)
            return False
        return True

    async def run(self, is_read: bool) -> None:
        while True:
            every_s = self.source.every_s
            await asyncio.sleep(every_s if is_read else min(every_s, RETRY_S))
            is_read = await self.tried()

    async def close(self) -> None:
        await self.source.close()


class Lookups:
    """The lookups of the settings."""

    def __init__(
        self, settings: Mapping[str, LookupSettings], store: Store | None, clock: Clock, registry: CollectorRegistry
    ) -> None:
        """Raises Misconfigured: a fall-back that is not there, or comes back to itself."""
        self._settings = settings
        self._metrics = LookupMetrics(registry)
        self._lookups: dict[str, _Lookup] = {}
        self._tasks: list[asyncio.Task[None]] = []
        check(settings)
        for name, one in settings.items():
            self._lookups[name] = self._made(name, one, store, clock)

    def _made(self, name: str, settings: LookupSettings, store: Store | None, clock: Clock) -> _Lookup:
        if settings.kind in _WHOLE:
            return _Held(name, _WHOLE[settings.kind](settings), self._metrics)
        keyed: Keyed
        if settings.kind == "store":
            if store is None:
                raise Misconfigured(f"lookup.{name}: there is no store here.")
            keyed = StoreRows(store, name, settings)
        else:
            is_file = settings.database.reveal().startswith("sqlite:")
            keyed = Sqlite(settings) if is_file else Postgresql(settings)
        return Asked(keyed, clock, ttl_s=settings.ttl_s, cache_max=settings.cache_max)

    async def start(self) -> None:
        """Read what is held whole. Raises Misconfigured: a file without a fall-back that cannot be read."""
        held = {name: one for name, one in self._lookups.items() if isinstance(one, _Held)}
        for name, one in held.items():
            if self._must_be_there(name):
                await one.read()
        unread = [name for name in held if not self._must_be_there(name)]
        done = dict(zip(unread, await asyncio.gather(*(held[name].tried() for name in unread)), strict=True))
        for name, one in held.items():
            if one.source.every_s:
                task = asyncio.get_running_loop().create_task(one.run(done.get(name, True)), name=f"lookup {name}")
                self._tasks.append(task)

    def _must_be_there(self, name: str) -> bool:
        return self._settings[name].kind == "file" and not self._settings[name].fallback

    async def close(self) -> None:
        """Stop reading, let go of all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(lookup.close() for lookup in self._lookups.values()))

    def find(self, name: str, key: str) -> str | Missing:
        """The value of a key, NOT_THERE, or TO_ASK. Raises Failed."""
        try:
            return self._lookups[name].find(key)
        except KeyError:
            raise Failed(f"there is no lookup {name}") from None
        except Failed:
            fallback = self._settings[name].fallback
            if not fallback:
                raise
            return self.find(fallback, key)

    async def ask(self, name: str, key: str) -> str | Missing:
        """The value of a key, or NOT_THERE; where it fails, as its fall-back says. Raises Trouble."""
        lookup = self._lookups.get(name)
        if lookup is None:
            raise Misconfigured(f"There is no lookup {name}.")
        fallback = self._settings[name].fallback
        try:
            return await lookup.ask(key)
        except Exception as error:  # also a defect of a driver must cost a rule, and not the mail
            self._metrics.failures.labels(name).inc()
            if fallback:
                return await self.ask(fallback, key)
            if isinstance(error, Trouble):
                raise
            raise Unavailable("A lookup failed.", log=_why(error)) from error


def _why(error: Exception) -> str:
    """What the log hears: of an error that nobody expected its name alone, as its text may hold anything."""
    if isinstance(error, Trouble):
        return error.log
    return str(error) if isinstance(error, Failed) else type(error).__name__


_WHOLE: Final[Mapping[str, Callable[[LookupSettings], Whole]]] = {"inline": Inline, "file": File, "http": Http}


def check(settings: Mapping[str, LookupSettings]) -> None:
    """Raises Misconfigured: a name that cannot be used, a fall-back that is not there or leads back."""
    for name in settings:
        if not 0 < len(name.encode()) <= NAME_BYTES_MAX or "\0" in name:
            raise Misconfigured(f"lookup.{name[:NAME_BYTES_MAX]}: a name has 1 to {NAME_BYTES_MAX} bytes.")
        passed, at = {name}, settings[name].fallback
        while at:
            if at not in settings:
                raise Misconfigured(f"lookup.{name}.fallback: there is no lookup {at}.")
            if at in passed:
                raise Misconfigured(f"lookup.{name}.fallback: it leads back to {at}.")
            passed.add(at)
            at = settings[at].fallback


def check_named(used: Iterable[tuple[str, Iterable[str]]], settings: Mapping[str, LookupSettings]) -> None:
    """That rules name only lookups there are; `used`: where a rule stands, and what it names. Raises Misconfigured."""
    for path, names in used:
        for name in names:
            if name not in settings:
                there = f"there are {', '.join(settings)}" if settings else f"write a table [lookup.{name}]"
                raise Misconfigured(f"{path}: there is no lookup {name}; {there}.")

"""The controller: waits for the lead, and while it has it keeps the slot maps as they should be.

The law: only the holder of the leader's key changes a map; whoever lost it finds out at its next write, at the latest.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog

from cluster.clock import Clock
from cluster.membership.members import Layout
from cluster.membership.registry import Compare, Registry
from cluster.meta.store import Store
from cluster.placement.grace import GraceSettings
from cluster.placement.leading import Leading
from cluster.placement.metrics import ControllerMetrics
from cluster.placement.moving import Moving, Release
from cluster.placement.pages import Pages
from cluster.placement.reporting import Reporting
from cluster.placement.watching import Watching


class Term(Protocol):
    """One time of leading (cluster/membership/election.py)."""

    @property
    def compare(self) -> Compare:
        """What every change has to compare."""
        ...

    @property
    def holds(self) -> bool:
        """Whether it goes on, as far as is known here."""
        ...


class Election(Protocol):
    """A candidate."""

    def term(self) -> AbstractAsyncContextManager[Term]:
        """Waits until this process leads; given up at the end of the block."""
        ...


class Controller:
    """One a process that may lead."""

    def __init__(
        self,
        name: str,
        registry: Registry,
        layout: Layout,
        election: Election,
        watching: Watching,
        store: Store,
        release: Release,
        clock: Clock,
        metrics: ControllerMetrics,
        grace: GraceSettings = GraceSettings(),  # noqa: B008 (frozen)
        beside: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        """`name`: what the state for people calls the leader. `beside`: what else is done while leading, until
        cancelled. When it fails, so does `run`."""
        self._name = name
        self._registry = registry
        self._layout = layout
        self._election = election
        self._watching = watching
        self._store = store
        self._release = release
        self._clock = clock
        self._metrics = metrics
        self._grace = grace
        self._beside = beside
        self._wake = asyncio.Event()
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Lead whenever elected, until cancelled."""
        forget = self._watching.on_change(self._wake.set)
        try:
            while True:
                async with self._election.term() as term:
                    self._log.info("controller_leads", name=self._name)
                    self._metrics.leads.set(1)
                    try:
                        await self._lead(term)
                    finally:
                        self._metrics.leads.set(0)
                    self._log.warning("controller_leads_no_more", name=self._name)
        finally:
            forget()

    async def _lead(self, term: Term) -> None:
        moving = Moving(self._release, self._clock, self._wake.set, self._metrics)
        pages = Pages(self._registry, self._layout, self._store, term.compare)
        leading = Leading(self._watching, pages, moving, self._clock, self._metrics, self._grace, self._name)
        reporting = Reporting(self._registry, self._layout, term.compare, self._clock)
        beside = None if self._beside is None else asyncio.create_task(self._beside(), name="beside")
        if beside is not None:
            beside.add_done_callback(lambda _: self._wake.set())
        try:
            while term.holds:
                if beside is not None and beside.done():
                    return beside.result()  # raises: another had better lead than one that does half of it
                self._wake.clear()
                wait_s = await leading.step()
                await reporting.publish(leading.state())
                await self._pause(wait_s)
        finally:
            if beside is not None:
                beside.cancel()
                await asyncio.gather(beside, return_exceptions=True)
            await moving.end()

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                pass

"""Tells people, through the registry, what the controller does.

The law: at most once a second, only when it changed, only while leading; that it fails stops nothing.
"""

from typing import Final

import msgspec
import structlog

from cluster.clock import Clock
from cluster.errors import Trouble
from cluster.membership.members import ControllerState, Layout
from cluster.membership.registry import Compare, Registry

PUBLISH_S: Final = 1.0  # people read no faster


class Reporting:
    """One for each time of leading."""

    def __init__(self, registry: Registry, layout: Layout, leader: Compare, clock: Clock) -> None:
        self._registry = registry
        self._key = layout.controller
        self._leader = leader
        self._clock = clock
        self._told: ControllerState | None = None
        self._not_before = 0.0
        self._log = structlog.get_logger()

    async def publish(self, state: ControllerState) -> None:
        """Write the state, if it is time to."""
        now = self._clock.monotonic()
        if state == self._told or (self._told is not None and now < self._not_before):
            return
        self._told = state
        self._not_before = now + PUBLISH_S
        try:
            await self._registry.change({self._key: msgspec.json.encode(state)}, when=[self._leader])
        except Trouble as trouble:
            self._log.warning("controller_state_not_published", error=trouble.log)

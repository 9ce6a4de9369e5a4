"""Searching an account's mail for a JMAP request: what the machine (gateway.access.finding) is told of it.

The law: a search takes no longer than SEARCH_S_MAX; whose request has gone is searched for no more (its task is
cancelled).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from cluster.clock import Clock
from cluster.errors import Corrupt
from gateway.access.finding.finder import Messages
from gateway.access.parts import Array, Pace
from gateway.jmap.parts import Services
from gateway.jmap.turn import Reached
from mail.jmap.errors import MethodError
from mail.message.record import Record

SEARCH_S_MAX: Final = 120.0  # to read 200,000 messages that no index knows
_BATCH: Final = 200  # messages read at a time


class EmailHost:
    """For one query."""

    def __init__(self, services: Services, reached: Reached) -> None:
        self.account = reached.number
        self.is_owner = reached.who is None
        self.mail: Messages = services.mail
        self.clock: Clock = services.clock
        self.large: asyncio.Semaphore = services.large
        self._log = services.log
        self._until = services.clock.monotonic() + SEARCH_S_MAX

    def is_damaged(self, damage: Corrupt) -> None:
        """A message could not be read, and is not found."""
        self._log.warning("jmap.damaged", detail=damage.log)

    async def step(self, _done: int, _goal: int) -> None:
        """Raises MethodError where it has taken too long."""
        if self.clock.monotonic() > self._until:
            raise MethodError(
                "serverUnavailable", "This takes too long; ask for less, or again when the mail has been indexed."
            )

    async def records(self, emails: Array) -> AsyncIterator[Record | None]:
        """Of each email; None of one that is gone by now, or damaged."""
        pace = Pace(self.clock)
        for start in range(0, len(emails), _BATCH):
            await self.step(start, len(emails))
            for message in await self.mail.messages(self.account, emails[start : start + _BATCH].tolist()):
                await pace.breathe()
                try:
                    record = None if message is None else message.record
                except Corrupt as damage:
                    self.is_damaged(damage)
                    record = None
                yield record

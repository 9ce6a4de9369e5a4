"""A search in one mailbox for an IMAP session.

The law: the answer is of one moment for flags, numbers and dates (that of the scope); a search whose client has gone
ends.
"""

import asyncio
from typing import Literal, NamedTuple

from cluster.clock import Clock
from cluster.errors import Corrupt
from gateway.access.finding import finder
from gateway.access.finding.finder import Messages, Which
from gateway.access.finding.lookups import Lookups
from gateway.imap.masks import Scope
from gateway.imap.matching import compile_key
from gateway.imap.parts import Array
from gateway.imap.relevancy import has_fuzzy, relevancy
from gateway.imap.session import Session
from mail.imap.search import SearchKey

Role = Literal["command", "part", "aside"]


class Found(NamedTuple):
    """Of each row of the scope, whether it matches. `scores`: 1 to 100 for those that do, where a key was FUZZY."""

    mask: Array
    scores: Array | None = None


class Finder(finder.Finder[Scope]):
    """Searches one scope."""

    def __init__(self, session: Session, scope: Scope, lookups: Lookups, role: Role = "aside") -> None:
        """`role`: it is what the command that runs does, one part of that, or for no command: then no client waits."""
        super().__init__(_Host(session, scope, role), scope, lookups)

    async def find(self, key: SearchKey, which: Which = "all") -> Found:
        """What matches. `which`: it is enough if of all that match the first, or the last, is told right."""
        found = await self.run(compile_key(key), which)
        return Found(found, relevancy(key, self.scores, len(found)) if has_fuzzy(key) else None)


class _Host:
    """A session that searches a mailbox."""

    def __init__(self, session: Session, scope: Scope, role: Role) -> None:
        self.account = scope.selection.account
        self.is_owner = scope.selection.place.who is None
        self.mail: Messages = session.services.mail
        self.clock: Clock = session.services.clock
        self.large: asyncio.Semaphore = session.services.large
        self._session = session
        self._role = role
        self._before = 0  # so much of the command was done when this step of it began

    def is_damaged(self, damage: Corrupt) -> None:
        self._session.log.warning("imap.damaged", detail=damage.log)

    async def step(self, done: int, goal: int) -> None:
        """A search whose client has gone ends."""
        if self._role == "aside":
            return
        if self._role == "command" and goal:
            progress = self._session.progress
            if not done:
                self._before = progress.goal
            progress.done, progress.goal = self._before + done, self._before + goal
        await self._session.wire.drain()

"""What the index of one account says during one command.

The law: nothing is asked twice; what is kept of answers is bounded. The first who looks makes the account have an index
from then on.
"""

from typing import Final

import numpy as np

from actors.search.brief import Columns, columns_of
from actors.search.index import Matches, Scores
from gateway.access.finding.indexes import Indexes, TextIndex
from gateway.access.finding.questions import TextQuestion
from gateway.access.parts import Array

_KEPT_MAX: Final = 32  # answers, for the other mailboxes of the same account
_KEPT_EMAILS_MAX: Final = 4_000_000  # in all of them: 32 MB


class Lookups:
    """One account's."""

    def __init__(self, indexes: Indexes | None, account: int) -> None:
        self._indexes = indexes
        self._account = account
        self._index: TextIndex | None = None
        self._asked = False
        self._matches: dict[tuple[str, str], Matches] = {}
        self._scores: dict[tuple[str, str], Scores] = {}
        self._room = _KEPT_EMAILS_MAX

    async def index(self) -> TextIndex | None:
        """The index; None where there is none."""
        if not self._asked and self._indexes is not None:
            self._asked = True
            await self._indexes.want(self._account)
            self._index = await self._indexes.index_of(self._account)
        return self._index

    async def covered(self, emails: Array) -> Array:
        """Which of the emails the index knows of."""
        index = await self.index()
        return np.zeros(len(emails), bool) if index is None else index.covers(emails)

    async def matches(self, question: TextQuestion) -> Matches | None:
        """Where the index finds it; None: there is none."""
        index, asked = await self.index(), (question.field, question.needle)
        if index is None or asked in self._matches:
            return self._matches.get(asked)
        found = await index.lookup(*asked)
        if self._has_room(len(self._matches), len(found.sure) + len(found.maybe)):
            self._matches[asked] = found
        return found

    async def scores(self, question: TextQuestion, within: Array | None = None) -> Scores | None:
        """The same in other forms too; of all emails, or of those of one mailbox."""
        index, asked = await self.index(), (question.field, question.needle)
        if index is not None and within is not None:
            return await index.fuzzy(*asked, within)
        if index is None or asked in self._scores:
            return self._scores.get(asked)
        found = await index.fuzzy(*asked)
        if self._has_room(len(self._scores), 2 * len(found.emails) + len(found.maybe)):
            self._scores[asked] = found
        return found

    def _has_room(self, kept: int, emails: int) -> bool:
        """Whether one more is kept; it is counted then."""
        if kept >= _KEPT_MAX or emails > self._room:
            return False
        self._room -= emails
        return True

    async def briefs(self, emails: Array) -> tuple[Array, Columns]:
        """Which of the emails have their briefs in the index, and those."""
        index = await self.index()
        return (np.zeros(len(emails), bool), columns_of(())) if index is None else await index.briefs(emails)


def among(emails: Array, found: Array) -> Array:
    """Of each email, where it is in `found`, which ascends; -1: nowhere."""
    if not len(found):
        return np.full(len(emails), -1)
    at = np.minimum(np.searchsorted(found, emails), len(found) - 1)
    places: Array = np.where(found[at] == emails, at, -1)
    return places

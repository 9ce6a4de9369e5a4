"""A search under way: what the columns do not decide is asked of the index, then read in batches.

The law: the answer is of one moment for what is in the columns (that of the scope); the event loop is shared fairly
however much there is to do; a search that nobody waits for any more ends (`Host.step`).
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Generic, Literal, Protocol, TypeVar

import numpy as np

from actors.mailbox.client import Message
from actors.search.brief import UNKNOWN, Brief, Columns, brief_of, columns_of, joined
from cluster.clock import Clock
from cluster.errors import Corrupt, NotFound
from gateway.access.finding.lookups import Lookups, among
from gateway.access.finding.matching import Bounds, Column, Every, Node, Test, Truths, questions
from gateway.access.finding.questions import BriefQuestion, Candidate, Question, TextQuestion
from gateway.access.parts import Array, Pace

LARGE_AT_ONCE: Final = 2  # large messages searched in a process: folded, the text of one of 50 MB may take a gigabyte
_FEW: Final = 16  # messages that are read sooner than an index
_BATCH: Final = 200  # messages read at a time, as for FETCH
_THREADED_ABOVE_BYTES: Final = 128 * 1024  # of one message: folding it alone takes milliseconds
_LARGE_BYTES: Final = 2 * 1024 * 1024  # of one message: folded, its text may take fifty
_THREADED_ABOVE_WORK: Final = 4 * 1024 * 1024  # bytes that all keys together look through, of one message

_SCORED_MAX: Final = 32  # fuzzy keys whose scores count: each has one for every message
_NO_BRIEF: Final = Brief(
    UNKNOWN, 0, False, False, 0, (), b"", b"", b"", b"", b"", b""
)  # of a message that is gone by now, or damaged

Which = Literal["all", "first", "last"]


class Scope(Protocol):
    """The messages that are searched, row by row; nothing of it changes any more."""

    @property
    def emails(self) -> Array:
        """Of each row."""
        ...

    def __len__(self) -> int: ...

    def mask(self, wanted: object) -> Array:
        """The truth for each row of what the columns answer (`Column.key`)."""
        ...


class Messages(Protocol):
    """Where messages are read."""

    async def messages(self, account: int, emails: Sequence[int]) -> Sequence[Message | None]:
        """Messages by Email id; None for one that is gone meanwhile."""
        ...

    async def content(self, message: Message) -> bytes:
        """The whole raw message. Raises NotFound."""
        ...


class Host(Protocol):
    """For whom is searched, and where."""

    @property
    def account(self) -> int:
        """Whose mail it is."""
        ...

    @property
    def is_owner(self) -> bool:
        """Whether who asks may read all of the account."""
        ...

    @property
    def mail(self) -> Messages:
        """Its messages."""
        ...

    @property
    def clock(self) -> Clock:
        """Time."""
        ...

    @property
    def large(self) -> asyncio.Semaphore:
        """Held while a large message is searched; LARGE_AT_ONCE in a process."""
        ...

    def is_damaged(self, damage: Corrupt) -> None:
        """A message could not be read, and is not found."""
        ...

    async def step(self, done: int, goal: int) -> None:
        """Called between batches, `done` of `goal` messages being read; it may raise whatever ends the search."""
        ...


S = TypeVar("S", bound=Scope)


class Finder(Generic[S]):
    """Searches one scope."""

    def __init__(self, host: Host, scope: S, lookups: Lookups) -> None:
        self.scope = scope
        self._host = host
        self._lookups = lookups
        self._pace = Pace(host.clock)
        self._scores: dict[int, Array] = {}  # of fuzzy keys, by their id
        self._fuzzy: list[TextQuestion] = []
        self._covered: Array | None = None
        self._dated: tuple[Array, Columns] | None = None
        self._text_count = 0

    @property
    def scores(self) -> Mapping[int, Array]:
        """Of FUZZY texts, by the id of their key, one for each row; 0 where it does not match."""
        return self._scores

    async def run(self, test: Test, which: Which = "all") -> Array:
        """Of each row whether it matches. `which`: it is enough if of all that match the first, or the last, is told
        right."""
        asked = questions(test)
        self._fuzzy = [one for one in asked if isinstance(one, TextQuestion) and one.fuzzy][:_SCORED_MAX]
        self._text_count = sum(isinstance(one, TextQuestion) and one.reads_text for one in asked)
        self._scores = {id(one.key): np.zeros(len(self.scope), np.uint8) for one in self._fuzzy}
        bounds = await self._bounds(test, np.ones(len(self.scope), bool))
        found = bounds.sure.copy()
        if not isinstance(test, Column):
            await self._read(test, _needed(bounds, which), found, stops=which != "all")
        return found

    async def briefs(self, rows: Array) -> Columns:
        """What these rows of the scope are sorted and threaded by, in their order."""
        emails = self.scope.emails[rows]
        known, columns = await self._lookups.briefs(emails)
        missing = np.flatnonzero(~known)
        if not len(missing):
            return columns
        parts = [columns]
        for start in range(0, len(missing), _BATCH):
            await self._step(start, len(missing))
            batch = emails[missing[start : start + _BATCH]].tolist()
            messages = await self._host.mail.messages(self._host.account, batch)
            parts.append(columns_of([self._brief(message) for message in messages]))
            await self._pace.breathe()
        order = np.empty(len(rows), np.int64)
        order[np.concatenate((np.flatnonzero(known), missing))] = np.arange(len(rows))
        return (await asyncio.to_thread(joined, parts)).take(order)

    def _brief(self, message: Message | None) -> Brief:
        try:
            return _NO_BRIEF if message is None else brief_of(message.record)
        except Corrupt as damage:
            self._host.is_damaged(damage)
            return _NO_BRIEF

    # Bounds: nothing is read yet. `within`: the rows whose answer matters

    async def _bounds(self, test: Test, within: Array) -> Bounds:
        if isinstance(test, Column):
            mask = self._mask(test)
            return Bounds(mask, mask)
        if isinstance(test, Every):
            return await self._bounds_of_several(test, within)
        bounds = await self._known(test.question, within)
        if bounds is None:
            return Bounds(np.zeros(len(within), bool), np.ones(len(within), bool))
        if test.is_not:
            bounds = bounds.inverted()
        test.keep(bounds)
        return bounds

    def _mask(self, column: Column) -> Array:
        mask = self.scope.mask(column.key)
        return ~mask if column.is_not else mask

    async def _bounds_of_several(self, test: Every, within: Array) -> Bounds:
        join = np.logical_or if test.stops else np.logical_and
        sure = np.full(len(within), not test.stops)
        for column in test.columns:
            join(sure, self._mask(column), out=sure)
            await self._pace.breathe()
        test.known = Truths(sure)
        possible = sure.copy()
        for one in test.rest:
            left = within & (~sure if test.stops else possible)
            if not left.any():
                break
            bounds = await self._bounds(one, left)
            join(sure, bounds.sure, out=sure)
            join(possible, bounds.possible, out=possible)
            await self._step()
        return Bounds(sure, possible)

    async def _known(self, question: Question, within: Array) -> Bounds | None:
        """What the index says; None: nothing, or it would take longer than to read the few messages."""
        if isinstance(question, TextQuestion) and question.fuzzy:
            return await self._fuzzily(question)
        if np.count_nonzero(within) <= _FEW:
            return None
        if isinstance(question, BriefQuestion):
            if self._dated is None:
                self._dated = await self._lookups.briefs(self.scope.emails)
            known, columns = self._dated
            answers = np.zeros(len(within), bool)
            answers[known] = question.of_briefs(columns)
            return Bounds(answers, answers | ~known)
        if not isinstance(question, TextQuestion) or not question.is_told:
            return None
        covered = await self._is_covered()
        matches = await self._lookups.matches(question) if covered.any() else None
        if matches is None:
            return None
        sure = among(self.scope.emails, matches.sure) >= 0
        return Bounds(sure, sure | (among(self.scope.emails, matches.maybe) >= 0) | ~covered)

    async def _fuzzily(self, question: TextQuestion) -> Bounds | None:
        covered = await self._is_covered()
        # How rare a word is in mail that the client may not read shall not be told by the scores.
        within = None if self._host.is_owner else self.scope.emails
        found = await self._lookups.scores(question, within) if covered.any() else None
        if found is None:
            return None
        at = among(self.scope.emails, found.emails)
        hit = at >= 0
        if id(question.key) in self._scores:
            self._scores[id(question.key)][hit] = found.scores[at[hit]]
        return Bounds(hit, hit | (among(self.scope.emails, found.maybe) >= 0) | ~covered)

    async def _is_covered(self) -> Array:
        if self._covered is None:
            self._covered = await self._lookups.covered(self.scope.emails)
        return self._covered

    # Reading

    async def _read(self, test: Node, rows: Array, found: Array, *, stops: bool) -> None:
        """Decide these rows; `stops`: until one is found."""
        for start in range(0, len(rows), _BATCH):
            await self._step(start, len(rows))
            batch = rows[start : start + _BATCH]
            if await self._read_batch(test, batch, found) and stops:
                return

    async def _read_batch(self, test: Node, rows: Array, found: Array) -> bool:
        """Whether any of them was found."""
        emails = self.scope.emails[rows].tolist()
        messages = await self._host.mail.messages(self._host.account, emails)
        any_found = False
        for row, message in zip(rows.tolist(), messages, strict=True):
            try:
                if message is not None and await self._matches(test, row, message):
                    found[row] = any_found = True
            except Corrupt as damage:  # one message that nobody can read must not hide all others
                self._host.is_damaged(damage)
            await self._pace.breathe()
        return any_found

    async def _matches(self, test: Node, row: int, message: Message) -> bool:
        candidate = Candidate(message.record)
        answer = test.decide(row, candidate)
        if answer is None:
            try:
                candidate.raw = raw = await self._host.mail.content(message)
            except NotFound:  # expunged, and swept, since the search began
                return False
            if len(raw) > _THREADED_ABOVE_BYTES or len(raw) * self._text_count > _THREADED_ABOVE_WORK:
                answer = await self._decide_apart(test, row, candidate, len(raw))
            else:
                answer = test.decide(row, candidate)
        if answer:
            for question in self._fuzzy:  # as well as a message can fit
                if not self._scores[id(question.key)][row] and question.test(candidate):
                    self._scores[id(question.key)][row] = 100
        return bool(answer)

    async def _decide_apart(self, test: Node, row: int, candidate: Candidate, size: int) -> bool | None:
        """In a thread; of large messages no more at once than memory holds."""
        if size <= _LARGE_BYTES:
            return await asyncio.to_thread(test.decide, row, candidate)
        async with self._host.large:
            return await asyncio.to_thread(test.decide, row, candidate)

    async def _step(self, done: int = 0, goal: int = 0) -> None:
        """Between batches others have their turn."""
        await self._pace.breathe()
        await self._host.step(done, goal)


def _needed(bounds: Bounds, which: Which) -> Array:
    """The rows to read, in their order: for the first that matches none behind one that surely does."""
    rows = bounds.open
    if which == "all" or not bounds.sure.any():
        return rows[::-1] if which == "last" else rows
    sure = np.flatnonzero(bounds.sure)
    if which == "first":
        return rows[: int(np.searchsorted(rows, sure[0]))]
    return rows[int(np.searchsorted(rows, sure[-1])) :][::-1]

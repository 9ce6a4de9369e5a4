"""A search under way in one mailbox: what the columns do not decide is asked of the index, then read in batches.

The law: the answer is of one moment for flags, numbers and dates (that of the scope); the event loop is shared fairly
however much there is to do; a search whose client has gone ends.
"""

import asyncio
from typing import Final, Literal, NamedTuple

import numpy as np

from actors.mailbox.client import Message
from actors.search.brief import UNKNOWN, Brief, Columns, brief_of, columns_of, joined
from cluster.errors import Corrupt, NotFound
from gateway.imap.lookups import Lookups, among
from gateway.imap.masks import Scope, mask_of
from gateway.imap.matching import Bounds, Column, Every, Node, Test, Truths, compile_key, questions
from gateway.imap.parts import Array, Pace
from gateway.imap.probes import Candidate, DateQuestion, Question, TextQuestion
from gateway.imap.relevancy import has_fuzzy, relevancy
from gateway.imap.session import Session
from mail.imap.search import SearchKey

_FEW: Final = 16  # messages that are read sooner than an index
_BATCH: Final = 200  # messages read at a time, as for FETCH
_THREADED_ABOVE_BYTES: Final = 128 * 1024  # of one message: folding it alone takes milliseconds
_LARGE_BYTES: Final = 2 * 1024 * 1024  # of one message: folded, its text may take fifty
_THREADED_ABOVE_WORK: Final = 4 * 1024 * 1024  # bytes that all keys together look through, of one message

_SCORED_MAX: Final = 32  # fuzzy keys whose scores count: each has one for every message
_NO_BRIEF: Final = Brief(
    UNKNOWN, 0, False, 0, (), b"", b"", b"", b"", b"", b""
)  # of a message that is gone by now, or damaged

Which = Literal["all", "first", "last"]
Role = Literal["command", "part", "aside"]


class Found(NamedTuple):
    """Of each row of the scope, whether it matches. `scores`: 1 to 100 for those that do, where a key was FUZZY."""

    mask: Array
    scores: Array | None = None


class Finder:
    """Searches one scope."""

    def __init__(self, session: Session, scope: Scope, lookups: Lookups, role: Role = "aside") -> None:
        """`role`: it is what the command that runs does, one part of that, or for no command: then no client waits."""
        self.scope = scope
        self._session = session
        self._lookups = lookups
        self._role = role
        self._before = 0  # so much of the command was done when this step of it began
        self._pace = Pace(session.services.clock)
        self._scores: dict[int, Array] = {}  # of fuzzy keys, by their id
        self._fuzzy: list[TextQuestion] = []
        self._covered: Array | None = None
        self._dated: tuple[Array, Columns] | None = None
        self._text_count = 0

    async def find(self, key: SearchKey, which: Which = "all") -> Found:
        """What matches. `which`: it is enough if of all that match the first, or the last, is told right."""
        test = compile_key(key)
        asked = questions(test)
        self._fuzzy = [one for one in asked if isinstance(one, TextQuestion) and one.fuzzy][:_SCORED_MAX]
        self._text_count = sum(isinstance(one, TextQuestion) and one.reads_text for one in asked)
        self._scores = {id(one.key): np.zeros(len(self.scope), np.uint8) for one in self._fuzzy}
        bounds = await self._bounds(test, np.ones(len(self.scope), bool))
        found = bounds.sure.copy()
        if not isinstance(test, Column):
            await self._read(test, _needed(bounds, which), found, stops=which != "all")
        return Found(found, relevancy(key, self._scores, len(found)) if has_fuzzy(key) else None)

    async def briefs(self, rows: Array) -> Columns:
        """What SORT and THREAD need of these rows of the scope, in their order."""
        emails = self.scope.emails[rows]
        known, columns = await self._lookups.briefs(emails)
        missing = np.flatnonzero(~known)
        if not len(missing):
            return columns
        parts = [columns]
        for start in range(0, len(missing), _BATCH):
            await self._step(start, len(missing))
            batch = emails[missing[start : start + _BATCH]].tolist()
            messages = await self._session.services.mail.messages(self.scope.selection.account, batch)
            parts.append(columns_of([self._brief(message) for message in messages]))
            await self._pace.breathe()
        order = np.empty(len(rows), np.int64)
        order[np.concatenate((np.flatnonzero(known), missing))] = np.arange(len(rows))
        return (await asyncio.to_thread(joined, parts)).take(order)

    def _brief(self, message: Message | None) -> Brief:
        try:
            return _NO_BRIEF if message is None else brief_of(message.record)
        except Corrupt as damage:
            self._is_damaged(damage)
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
        mask = mask_of(column.key, self.scope)
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
        if isinstance(question, DateQuestion):
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
        within = None if self.scope.selection.place.who is None else self.scope.emails
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
        messages = await self._session.services.mail.messages(self.scope.selection.account, emails)
        any_found = False
        for row, message in zip(rows.tolist(), messages, strict=True):
            try:
                if message is not None and await self._matches(test, row, message):
                    found[row] = any_found = True
            except Corrupt as damage:  # one message that nobody can read must not hide all others
                self._is_damaged(damage)
            await self._pace.breathe()
        return any_found

    async def _matches(self, test: Node, row: int, message: Message) -> bool:
        candidate = Candidate(message.record)
        answer = test.decide(row, candidate)
        if answer is None:
            try:
                candidate.raw = raw = await self._session.services.mail.content(message)
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
        async with self._session.services.large:
            return await asyncio.to_thread(test.decide, row, candidate)

    def _is_damaged(self, damage: Corrupt) -> None:
        self._session.log.warning("imap.damaged", detail=damage.log)

    async def _step(self, done: int = 0, goal: int = 0) -> None:
        """Between batches: others have their turn, and a search whose client has gone ends."""
        await self._pace.breathe()
        if self._role == "aside":
            return
        if self._role == "command" and goal:
            progress = self._session.progress
            if not done:
                self._before = progress.goal
            progress.done, progress.goal = self._before + done, self._before + goal
        await self._session.wire.drain()


def _needed(bounds: Bounds, which: Which) -> Array:
    """The rows to read, in their order: for the first that matches none behind one that surely does."""
    rows = bounds.open
    if which == "all" or not bounds.sure.any():
        return rows[::-1] if which == "last" else rows
    sure = np.flatnonzero(bounds.sure)
    if which == "first":
        return rows[: int(np.searchsorted(rows, sure[0]))]
    return rows[int(np.searchsorted(rows, sure[-1])) :][::-1]

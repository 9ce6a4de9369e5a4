"""An account's index as a gateway sees it at one moment: what it covers, what is found in it.

The law: of an email that it covers, the answers are right, whatever happens to the index meanwhile; what was lost to a
merge, or is damaged, is told as candidates. Of all others it says nothing. Arrays are not to be written to.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import structlog

from actors.search import brief
from actors.search.brief import Columns
from actors.search.entry import CUT, FIELDS_CUT
from actors.search.fuzzy import LANGUAGES_MAX, SCORE_MIN, Wanted, of_recent, of_segment, scores, wanted_of
from actors.search.language import NUMBERS
from actors.search.matching import SIDES, Found, Matcher
from actors.search.merge import read_briefs
from actors.search.pace import Pace
from actors.search.pages import Lost, Pages
from actors.search.recent import Recent
from actors.search.segment import Segment
from actors.search.tokens import Needle, needle_of
from cluster.errors import Corrupt, Trouble
from mail.message.charset import fold

Array = npt.NDArray[Any]

TEXTS: Final = tuple(SIDES)


class Matches(NamedTuple):
    """Emails, ascending. `sure`: match; `maybe`: have to be looked at; all others that are covered do not match."""

    sure: Array
    maybe: Array


class Scores(NamedTuple):
    """Emails, ascending, and how well each fits: 1 to 100. `maybe`: others, ascending, that have to be looked at."""

    emails: Array
    scores: Array
    maybe: Array


class Part:
    """A segment, with what was read of it."""

    def __init__(self, id_: int, segment: Segment, pages: Pages) -> None:
        self.id = id_
        self.segment = segment
        self.pages = pages
        self.columns: Columns | None = None
        self.weight = segment.weight  # about how many bytes of memory it has

    def hold(self, columns: Columns) -> None:
        """Its briefs were read."""
        self.columns = columns
        self.weight += columns.weight


class AccountIndex:
    """At one moment. `watermark`: no email above it is covered."""

    def __init__(
        self,
        pace: Callable[[], Pace],
        watermark: int = 0,
        parts: Sequence[Part] = (),
        recent: Recent | None = None,
        stored: bytes | None = None,
    ) -> None:
        self.watermark = watermark
        self.stored = stored  # the state that it is of
        self.parts = tuple(parts)
        self.recent = recent or Recent(())
        self._pace = pace
        self._columns: Columns | None = None
        self._weight = self.recent.weight
        emails = [part.segment.emails for part in self.parts]
        self.emails: Array = np.concatenate([*emails, self.recent.emails]) if emails else self.recent.emails

    @property
    def weight(self) -> int:
        """About how many bytes of memory it has."""
        return 8 * len(self.emails) + self._weight + sum(part.weight for part in self.parts)

    def covers(self, emails: Array) -> Array:
        """Which of the emails it knows: of the others every one is to be looked at."""
        rows = np.searchsorted(self.emails, emails)
        known = rows < len(self.emails)
        known[known] = self.emails[rows[known]] == emails[known]
        return known

    async def lookup(self, field: str, needle: str) -> Matches:
        """Where a text is. `field`: text, body, header (any field's value), from, to, cc, bcc, subject. Raises
        Unavailable."""
        wanted = needle_of(fold(needle))
        find = Matcher.text if field in TEXTS else Matcher.values
        sure, maybe = [], []
        for part in self.parts:
            emails = part.segment.emails
            try:
                found = await find(Matcher(part.segment, part.pages, self._pace()), field, wanted)
            except (Lost, Corrupt) as trouble:
                _told(part, trouble)
                found = Found(np.zeros(len(emails), bool), np.ones(len(emails), bool))
            sure.append(emails[found.sure])
            maybe.append(emails[found.maybe])
        found = self._in_recent(field, wanted)
        sure.append(self.recent.emails[found.sure])
        maybe.append(self.recent.emails[found.maybe])
        return Matches(np.concatenate(sure), np.concatenate(maybe))

    def _in_recent(self, field: str, needle: Needle) -> Found:
        return self.recent.text(field, needle) if field in TEXTS else self.recent.values(field, needle)

    async def fuzzy(self, field: str, needle: str, within: Array | None = None) -> Scores:
        """Where words are in any of their forms (RFC 6203), and how well that fits. `field`: as of `lookup`, of which
        `header` is any header. What is not covered is not found. `within`: of all other emails nothing is said, nor
        does anything depend on them. Raises Unavailable."""
        known = np.ones(len(self.emails), bool) if within is None else np.isin(self.emails, within)
        words = wanted_of(needle_of(fold(needle)), self._languages(known))
        cut = CUT if field in TEXTS else FIELDS_CUT
        flags = [*[part.segment.flags for part in self.parts], self.recent.flags]
        maybe = (np.concatenate(flags) & cut) != 0
        weights = [await self._weights(field, word, maybe) for word in words]
        emails = self.emails[known]
        fit = scores([of_word[known] for of_word in weights], len(emails))
        found = fit >= SCORE_MIN
        return Scores(emails[found], np.minimum(fit[found], 100), emails[maybe[known] & ~found])

    async def _weights(self, field: str, word: Wanted, maybe: Array) -> Array:
        """How much of a word each message has; marks in `maybe` those of which that is lost."""
        weights: list[Array] = []
        for part in self.parts:
            try:
                found = await of_segment(Matcher(part.segment, part.pages, self._pace()), field, word)
            except (Lost, Corrupt) as trouble:
                _told(part, trouble)
                found = np.zeros(len(part.segment), np.float32)
                begin = sum(map(len, weights))
                maybe[begin : begin + len(found)] = True
            weights.append(found)
        return np.concatenate([*weights, of_recent(self.recent, field, word)])

    def _languages(self, known: Array) -> list[int]:
        """The commonest of these messages; English where none is known."""
        languages = np.concatenate([*[part.segment.languages for part in self.parts], self.recent.languages])
        counts = Counter(dict(enumerate(np.bincount(languages[known]).tolist())))
        del counts[0]
        common = [language for language, count in counts.most_common(LANGUAGES_MAX) if count]
        return common or [NUMBERS["english"]]

    async def briefs(self, emails: Array) -> tuple[Array, Columns]:
        """Which of the emails (ascending) have their briefs here, and those, in the order of the emails. For the
        others: `brief.columns_of([brief_of(record) ...])`, and `brief.joined`. Raises Unavailable."""
        known = self.covers(emails)
        columns, has = await self._all_columns()
        rows = np.searchsorted(self.emails, emails[known])
        if has is not None:
            known[known] = has[rows]
            rows = (np.cumsum(has) - 1)[rows[has[rows]]]
        return known, columns.take(rows)

    async def _all_columns(self) -> tuple[Columns, Array | None]:
        """The briefs of all emails; if some were lost, of which."""
        if self._columns is not None:
            return self._columns, None
        found: list[Columns] = []
        has: list[Array] = []
        for part in self.parts:
            try:
                found.append(await self._part_columns(part))
                has.append(np.ones(len(part.segment), bool))
            except (Lost, Corrupt) as trouble:
                _told(part, trouble)
                has.append(np.zeros(len(part.segment), bool))
        columns = brief.joined([*found, self.recent.columns()])
        if len(found) < len(self.parts):
            return columns, np.concatenate([*has, np.ones(len(self.recent), bool)])
        self._columns = columns
        self._weight += columns.weight
        return columns, None

    async def _part_columns(self, part: Part) -> Columns:
        if part.columns is None:
            pace = self._pace()
            pages = []
            for page in range(len(part.segment.briefs)):
                pages.append(await read_briefs(part.segment, part.pages, page))
                await pace.breathe()
            if part.columns is None:  # nobody else has read them meanwhile
                part.hold(brief.joined(pages))
        assert part.columns is not None
        return part.columns


def _told(part: Part, trouble: Trouble) -> None:
    if isinstance(trouble, Corrupt):
        structlog.get_logger().error("search.damaged", segment=part.id, why=trouble.log)

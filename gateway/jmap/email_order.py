"""The order that Email/query asks for (RFC 8621 4.4.2), of emails that were found.

The law: emails that all comparators have equal are in the order in which they were stored, or, if the first comparator
descends, in the opposite one; the order is the same whenever the same is asked of the same mail. False comes before
true. An email without a date of its own was sent when it was received, as SORT has it (RFC 5256 2.2). Names and
subjects are compared by i;unicode-casemap (`charset.fold`) where no collation is named.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from actors.search.brief import TEXT_BYTES_MAX, UNKNOWN, Columns
from gateway.access.finding.finder import Finder
from gateway.access.finding.ranking import ranks
from gateway.access.parts import Array, Pace
from gateway.jmap.email_columns import EmailScope, Flagged, ThreadFlagged
from gateway.jmap.email_filters import bits_of
from gateway.jmap.searching import EmailHost
from mail.jmap.sorting import BY_KEYWORD, Comparator
from mail.message import sorting
from mail.message.record import Record
from mail.message.sorting import order

DEFAULT: Final = (Comparator(property="receivedAt", is_ascending=False),)
_THREADED_ABOVE: Final = 50_000  # numbers that are sorted in 20 ms
_QUICK_ABOVE: Final = 200_000  # emails that are put in order in some 5 ms where they nearly are
_EMAIL_BITS: Final = 31  # the other 32 are for seconds since 1970, or octets
_BRIEFS: Final = {"subject": "subject", "from": "from_shown", "to": "to_shown"}
_SPELLED: Final[dict[str, Callable[[Record], str]]] = {
    "subject": lambda record: record.base_subject,
    "from": sorting.shown_from,
    "to": sorting.shown_to,
}
_FOLDED: Final = (None, "i;unicode-casemap")


class Before(NamedTuple):
    """An order of before: of the rows of a scope that had these emails."""

    places: Array
    emails: Array


class Orderer:
    """Orders what was found in one scope."""

    def __init__(self, host: EmailHost, finder: Finder[EmailScope], words: list[str]) -> None:
        self._host = host
        self._finder = finder
        self._words = words
        self._pace = Pace(host.clock)

    async def ordered(self, places: Array, sort: Sequence[Comparator], before: Before | None = None) -> Array:
        """These rows of the scope (ascending) in order: a permutation of them. `before`: the same order, as it was."""
        sort = tuple(dict.fromkeys(sort)) or DEFAULT
        if len(sort) == 1 and sort[0].property in ("receivedAt", "size") and len(places):
            apart = len(places) > _QUICK_ABOVE
            quickly = (
                await asyncio.to_thread(self._quickly, places, sort[0], before)
                if apart
                else self._quickly(places, sort[0], before)
            )
            if quickly is not None:
                return quickly
        if not sort[0].is_ascending:
            places = places[::-1]
        columns = await self._columns(places, sort)
        wanted = [(str(number), not one.is_ascending) for number, one in enumerate(sort)]
        if len(places) * len(sort) > _THREADED_ABOVE:
            found: Array = places[await asyncio.to_thread(order, columns, wanted)]
        else:
            found = places[order(columns, wanted)]
        return found

    def _quickly(self, places: Array, one: Comparator, before: Before | None) -> Array | None:
        """By one number a row and the email, both in one: to sort what is nearly sorted takes hardly any time."""
        scope = self._finder.scope
        numbers = scope.received_s if one.property == "receivedAt" else scope.rows.sizes.astype(np.int64)
        if scope.emails[-1] >> _EMAIL_BITS or numbers.min() < 0 or numbers.max() >> (63 - _EMAIL_BITS):
            return None
        numbers = numbers << _EMAIL_BITS | scope.emails
        if not one.is_ascending:
            numbers = ~numbers
        some = self._as_before(places, before) if before is not None else places if one.is_ascending else places[::-1]
        found: Array = some[numbers[some].argsort(kind="stable")]
        return found

    def _as_before(self, places: Array, before: Before) -> Array:
        """These rows: first those that were there, in the order that they had."""
        emails, old = self._finder.scope.emails, before.emails
        left = np.zeros(len(emails), bool)
        left[places] = True
        at = before.places
        if not (len(old) <= len(emails) and np.array_equal(emails[: len(old)], old)):  # some have gone
            row_of = emails.searchsorted(old)
            row_of[row_of == len(emails)] = 0
            at = row_of[at][emails[row_of[at]] == old[at]]
        at = at[left[at]]
        left[at] = False
        return np.concatenate((at, np.flatnonzero(left)))

    async def _columns(self, places: Array, sort: Sequence[Comparator]) -> dict[str, Array]:
        briefs = await self._briefs(places) if any(map(_needs_briefs, sort)) else None
        columns: dict[str, Array] = {}
        for number, one in enumerate(sort):
            columns[str(number)] = await self._column(one, places, briefs)
            await self._pace.breathe()
        return columns

    async def _briefs(self, places: Array) -> Columns:
        """In the order of the places; they are asked for in ascending order."""
        ascends = len(places) < 2 or bool(places[0] < places[-1])
        briefs = await self._finder.briefs(places if ascends else places[::-1])
        return briefs if ascends else briefs.take(np.arange(len(places))[::-1])

    async def _column(self, one: Comparator, places: Array, briefs: Columns | None) -> Array:
        scope = self._finder.scope
        column: Array
        if one.property == "receivedAt":
            column = scope.received_s[places]
        elif one.property == "size":
            column = scope.rows.sizes[places].astype(np.int64)
        elif one.property in BY_KEYWORD:
            column = self._has(one)[places].astype(np.int8)
        elif one.property == "sentAt":
            assert briefs is not None
            column = np.where(briefs.sent_s == UNKNOWN, scope.received_s[places], briefs.sent_s)
        elif _needs_briefs(one):
            assert briefs is not None
            column = await ranks(getattr(briefs, _BRIEFS[one.property]), self._pace)
        else:
            column = await self._spelled(one, places)
        return column

    def _has(self, one: Comparator) -> Array:
        bits = bits_of(one.keyword or "", self._words)
        if one.property == "hasKeyword":
            return self._finder.scope.mask(Flagged(bits))
        return self._finder.scope.mask(ThreadFlagged("all" if one.property.startswith("all") else "some", bits))

    async def _spelled(self, one: Comparator, places: Array) -> Array:
        """Of texts as they are written, octet by octet; i;ascii-casemap takes a to z as A to Z (RFC 4790 9.2)."""
        text = _SPELLED[one.property]
        texts: list[bytes] = []
        async for record in self._host.records(self._finder.scope.emails[places]):
            written = text(record).encode() if record is not None else b""
            texts.append((written if one.collation == "i;octet" else written.upper())[:TEXT_BYTES_MAX])
        rank = {word: number for number, word in enumerate(sorted(set(texts)))}
        return np.array([rank[word] for word in texts], np.int64)


async def collapsed(places: Array, threads: Array) -> Array:
    """Of rows in order, the first of each thread; `threads`: of all rows."""

    def work() -> Array:
        found: Array = places[np.sort(np.unique(threads[places], return_index=True)[1])]
        return found

    return await asyncio.to_thread(work) if len(places) > _THREADED_ABOVE else work()


def _needs_briefs(one: Comparator) -> bool:
    return one.property == "sentAt" or (one.property in _BRIEFS and one.collation in _FOLDED)

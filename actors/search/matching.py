"""Which messages of a segment have a needle: surely, or perhaps.

The law: every message that has it is among them. It is surely there if the needle is one run and a word has it, or if
it is as short as a gram and a gram has it; else there are candidates, which have what the runs of the needle need, and
whose text has to be read.
"""

from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from actors.search.entry import CUT, END, FIELDS, FIELDS_CUT, ODD_HEADER, VALUE
from actors.search.pace import Pace
from actors.search.pages import ROWS_AT_ONCE, Pages
from actors.search.postings import unpack_lists
from actors.search.segment import BODY_GRAMS, BODY_WORDS, HEADER_GRAMS, HEADER_WORDS, Segment, TermPage, term_page
from actors.search.tokens import GRAM_CHARS, NOISE_BYTES_MIN, PAIR_CHARS, Needle, Run
from cluster.errors import Corrupt

Array = npt.NDArray[Any]

SIDES: Final = {"text": (0, 1), "body": (1,), "header": (0,)}  # which texts a search looks in: headers, bodies
_WORDS: Final = (HEADER_WORDS, BODY_WORDS)
_GRAMS: Final = (HEADER_GRAMS, BODY_GRAMS)
_SHORT: Final = 2  # bytes of a needle that is looked for in all places at once
_FEW: Final = 2  # candidates so few are read sooner than another list


class Found(NamedTuple):
    """One truth for each message of a segment. Who is sure is not among the maybes."""

    sure: Array
    maybe: Array


class Hits(NamedTuple):
    """Terms of a page."""

    page: int
    terms: Array  # ascending


class Matcher:
    """Looks for things in one segment."""

    def __init__(self, segment: Segment, pages: Pages, pace: Pace) -> None:
        self.segment = segment
        self.pace = pace
        self._pages = pages

    async def text(self, field: str, needle: Needle) -> Found:
        """In what TEXT, BODY or HEADER looks in. Raises Lost, Corrupt, Unavailable."""
        sides = SIDES[field]
        count = len(self.segment)
        sure, maybe = np.zeros(count, bool), np.zeros(count, bool)
        if not needle.text:
            sure[:] = True
        elif needle.single:
            for side in sides:
                maybe |= await self._single(side, needle.runs[0], sure)
        else:
            maybe = await self._several(sides, needle.runs)
        flags = self.segment.flags
        if field == "header":
            maybe |= sure | ((flags & ODD_HEADER) != 0)
            sure = np.zeros(count, bool)
        maybe |= (flags & CUT) != 0
        return Found(sure, maybe & ~sure)

    async def values(self, field: str, needle: Needle) -> Found:
        """In the values of a field."""
        sure = np.zeros(len(self.segment), bool)
        pattern = needle.text.encode("utf-8", "surrogatepass") or VALUE
        async for first, text in self.field_texts(field):
            at = _positions(text, pattern, END)
            if len(at):
                ends = np.flatnonzero(np.frombuffer(text, np.uint8) == END[0])
                sure[first + np.searchsorted(ends, at)] = True
            await self.pace.breathe()
        return Found(sure, ((self.segment.flags & FIELDS_CUT) != 0) & ~sure)

    async def field_texts(self, field: str) -> AsyncIterator[tuple[int, bytes]]:
        """The pages of a field, each with the place of its first message."""
        pages = self.segment.field_pages(FIELDS.index(field))
        for start in range(0, len(pages), ROWS_AT_ONCE):
            some = pages[start : start + ROWS_AT_ONCE]
            texts = await self._pages.get([(b"F", number) for number, _first in some])
            for (_number, first), text in zip(some, texts, strict=True):
                yield first, text

    async def _single(self, side: int, run: Run, sure: Array) -> Array:
        """Marks in `sure` the messages that have a run in the texts of a side; those that may have it."""
        size = PAIR_CHARS if run.spaceless else GRAM_CHARS
        if not run.spaceless:
            await self.mark(await self.containing(_WORDS[side], run.encoded), sure)
        if len(run.text) > size:
            return await self._all_of(_GRAMS[side], run.grams)
        if len(run.text) == size:
            await self.mark(await self.equal(_GRAMS[side], [run.encoded]), sure)
        elif not sure.all():
            await self.mark(await self.containing(_GRAMS[side], run.encoded), sure)
        return np.zeros(len(self.segment), bool)

    async def _several(self, sides: Sequence[int], runs: Sequence[Run]) -> Array:
        """Messages that have all of these runs, in any of the texts: a needle may reach over the end of one."""
        maybe = np.ones(len(self.segment), bool)
        for run in sorted(runs, key=lambda run: -len(run.text)):
            mask = np.zeros(len(self.segment), bool)
            for side in sides:
                mask |= await self._part(side, run)
            maybe &= mask
            if not maybe.any():
                break
        return maybe

    async def _part(self, side: int, run: Run) -> Array:
        """Messages that have a run, perhaps as the end or the begin of a longer one."""
        if run.spaceless:
            if len(run.text) > 1:
                return await self._all_of(_GRAMS[side], run.grams)
            return await self.having(await self.containing(_GRAMS[side], run.encoded))
        word, whole = run.encoded, not run.begins and not run.ends
        if whole:
            mask = await self.having(await self.equal(_WORDS[side], [word]))
        else:
            pattern = (b"" if run.begins else b"\n") + word + (b"" if run.ends else b"\n")
            mask = await self.having(await self.containing(_WORDS[side], pattern))
        if whole and len(word) < NOISE_BYTES_MIN:
            return mask
        if len(run.text) < GRAM_CHARS:
            mask |= self.segment.noisy[side].astype(bool)
        else:
            mask |= await self._all_of(_GRAMS[side], run.grams)
        return mask

    async def containing(self, kind: int, pattern: bytes) -> list[Hits]:
        """The terms of a class in which some bytes are; a line feed stands for the begin or the end of a term."""
        found = []
        pages = self.segment.term_pages(kind)
        for start in range(pages.start, pages.stop, ROWS_AT_ONCE):
            numbers = range(start, min(start + ROWS_AT_ONCE, pages.stop))
            for number, text in zip(numbers, await self.term_texts(numbers), strict=True):
                at = _positions(text, pattern, b"\n")
                if len(at):
                    found.append(Hits(number, terms_at(text, at + (pattern[:1] == b"\n"))))
                await self.pace.breathe()
        return found

    async def term_texts(self, numbers: Sequence[int]) -> list[bytes]:
        """Pages of terms."""
        return await self._pages.get([(b"T", number) for number in numbers])

    async def equal(self, kind: int, terms: Sequence[bytes]) -> list[Hits]:
        """These terms, as far as they are there; one item each, in order."""
        pages = self.segment.term_pages(kind)
        firsts = self.segment.firsts
        numbers = [bisect_right(firsts, term, pages.start, pages.stop) - 1 for term in terms]
        asked = [(number, term) for number, term in zip(numbers, terms, strict=True) if number >= pages.start]
        texts = await self.term_texts([number for number, _term in asked])
        found = []
        for (number, term), text in zip(asked, texts, strict=True):
            at = text.find(b"\n" + term + b"\n")
            if at >= 0:
                found.append(Hits(number, terms_at(text, np.array([at + 1]))))
        return found

    async def _all_of(self, kind: int, terms: Sequence[bytes]) -> Array:
        """Messages that have every one of these terms, or a few more."""
        hits = await self.equal(kind, terms)
        if len(hits) < len(terms):
            return np.zeros(len(self.segment), bool)
        lists = await self._lists([hit.page for hit in hits])
        counts = [int(lists[hit.page].counts[hit.terms[0]]) for hit in hits]
        mask = np.ones(len(self.segment), bool)
        for at in np.argsort(counts).tolist():
            mask &= await self.having([hits[at]])
            if int(mask.sum()) <= _FEW:
                break
        return mask

    async def having(self, hits: Sequence[Hits]) -> Array:
        """The messages that have any of these terms."""
        mask = np.zeros(len(self.segment), bool)
        await self.mark(hits, mask)
        return mask

    async def mark(self, hits: Sequence[Hits], mask: Array) -> None:
        """Marks the messages that have any of these terms, until all are."""
        lists = await self._lists([hit.page for hit in hits])
        rows = [(hit.page, k, terms) for hit in hits for k, terms in _by_row(hit.terms, lists[hit.page])]
        # What most messages have comes first: often there is nothing left to find then.
        rows.sort(key=lambda row: -int(lists[row[0]].counts[row[2]].max()))
        for start in range(0, len(rows), ROWS_AT_ONCE):
            if mask.all():
                break
            some = rows[start : start + ROWS_AT_ONCE]
            data = await self._pages.get([(b"P", page << 8 | k) for page, k, _terms in some])
            for (page, k, terms), packed in zip(some, data, strict=True):
                mask[_places(packed, lists[page], k, terms, len(self.segment))] = True
                await self.pace.breathe()

    async def _lists(self, numbers: Sequence[int]) -> dict[int, TermPage]:
        distinct = sorted(set(numbers))
        rows = await self._pages.get([(b"L", number) for number in distinct])
        return {number: term_page(row) for number, row in zip(distinct, rows, strict=True)}


def _by_row(terms: Array, lists: TermPage) -> list[tuple[int, Array]]:
    """The terms by the page of lists that they are in."""
    k_of = np.searchsorted(lists.cuts, terms, "right") - 1
    if len(terms) == 1:
        return [(int(k_of[0]), terms)]
    edges = np.flatnonzero(np.diff(k_of)) + 1
    return [(int(k_of[group[0]]), terms[group]) for group in np.split(np.arange(len(terms)), edges)]


def _places(data: bytes, lists: TermPage, k: int, terms: Array, messages: int) -> Array:
    """The places in the lists of some terms of a page of lists."""
    begin = int(lists.cuts[k])
    end = int(lists.cuts[k + 1]) if k + 1 < len(lists.cuts) else len(lists.counts)
    counts, lengths = lists.counts[begin:end].astype(np.int64), lists.lengths[begin:end].astype(np.int64)
    ends = np.cumsum(lengths)
    if len(data) != int(ends[-1]):
        raise Corrupt("A search index is damaged.", log=f"{len(data)} bytes of lists, {int(ends[-1])} expected")
    if 2 * len(terms) > end - begin:
        places = unpack_lists(data, counts, lengths, messages)
        wanted = np.zeros(end - begin, bool)
        wanted[terms - begin] = True
        of_wanted: Array = places[np.repeat(wanted, counts)]
        return of_wanted
    stops, lengths = ends[terms - begin].tolist(), lengths[terms - begin]
    chosen = b"".join([data[stop - length : stop] for stop, length in zip(stops, lengths.tolist(), strict=True)])
    return unpack_lists(chosen, counts[terms - begin], lengths, messages)


def terms_at(text: bytes, positions: Array) -> Array:
    """The numbers of the terms at some positions of a page, ascending, none twice."""
    if len(positions) == 1:
        return np.array([text.count(b"\n", 0, int(positions[0])) - 1])
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == 10)
    numbers = np.searchsorted(ends, positions) - 1
    distinct: Array = numbers[np.diff(numbers, prepend=-1) > 0]
    return distinct


def _positions(text: bytes, pattern: bytes, end: bytes) -> Array:
    """Where a pattern is, at least once in each of the texts that have it; each of those ends with `end`."""
    if len(pattern) <= _SHORT:  # it is nearly everywhere
        data = np.frombuffer(text, np.uint8)
        at = data[: len(data) - len(pattern) + 1] == pattern[0]
        for offset in range(1, len(pattern)):
            at &= data[offset : len(data) - len(pattern) + 1 + offset] == pattern[offset]
        return np.flatnonzero(at)
    found = []
    position = text.find(pattern)
    while position >= 0:
        found.append(position)
        position = text.find(pattern, text.find(end, position + len(pattern) - 1))
    return np.array(found, np.int64)

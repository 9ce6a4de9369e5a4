"""Several neighbouring segments made into one, without the messages that are gone.

The law: what the new segment says of a message that stays is what the old ones said. Memory is bounded: terms are read
in their order, one page of lists of each segment at a time, and `drain` takes away what was made after each step.
"""

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from actors.search import brief
from actors.search.build import Built, Lists, Numbers
from actors.search.entry import END, FIELDS
from actors.search.pages import Pages
from actors.search.postings import unpack_lists
from actors.search.segment import (
    BriefWriter,
    FieldWriter,
    Segment,
    TermPage,
    Writer,
    directory_of,
    put_directory,
    term_page,
)
from cluster.blobs.codec import unpack
from cluster.errors import Corrupt

Array = npt.NDArray[Any]
T = TypeVar("T")
Drain = Callable[[Writer], Awaitable[None]]


class Elsewhere(Protocol):
    """Runs what takes milliseconds where it keeps nobody waiting."""

    async def __call__(self, work: Callable[[], T]) -> T:
        """Do it."""
        ...


class Source(NamedTuple):
    """A segment to merge. `kept`: which of its messages stay."""

    segment: Segment
    pages: Pages
    kept: Array


class _Part(NamedTuple):
    """Terms of one source, and which of the new segment's messages have each."""

    terms: list[bytes]
    counts: Array
    places: Array


class _Cursor:
    """Goes through the terms of a source, a page of lists at a time."""

    def __init__(self, source: Source, places: Array, elsewhere: Elsewhere) -> None:
        """`places`: of each of its messages, in the new segment; -1 where it does not stay."""
        self._source = source
        self._elsewhere = elsewhere
        self._places = places
        self._page = -1  # of terms
        self._of_page: list[bytes] = []
        self._lists = TermPage(np.empty(0), np.empty(0), np.zeros(1, np.int64))
        self._k = 0  # the next page of lists
        self.kind = 0
        self.terms: list[bytes] = []  # of the page of lists that is open, not taken yet
        self._counts: Array = np.empty(0, np.int64)
        self._ends: Array = np.empty(0, np.int64)  # of each list, in what is unpacked
        self._unpacked: Array = np.empty(0, np.int32)

    async def ready(self) -> bool:
        """Whether there are terms, now or on the next page, which is read then."""
        if self.terms:
            return True
        if self._k >= len(self._lists.cuts) or self._page < 0:
            self._page += 1
            if self._page >= len(self._source.segment.classes):
                return False
            text, lists = await self._source.pages.get([(b"T", self._page), (b"L", self._page)])
            self.kind = self._source.segment.classes[self._page]
            self._of_page, self._lists, self._k = text[1:-1].split(b"\n"), term_page(lists), 0
            if len(self._of_page) != len(self._lists.counts):
                raise Corrupt("A search index is damaged.", log="terms and lists do not fit")
        await self._open()
        return True

    async def _open(self) -> None:
        data = (await self._source.pages.get([(b"P", self._page << 8 | self._k)]))[0]
        await self._elsewhere(partial(self._unpack, data))
        self._k += 1

    def _unpack(self, data: bytes) -> None:
        cuts = [*self._lists.cuts.tolist(), len(self._of_page)]
        begin, end = cuts[self._k : self._k + 2]
        counts = self._lists.counts[begin:end].astype(np.int64)
        lengths = self._lists.lengths[begin:end].astype(np.int64)
        places = self._places[unpack_lists(data, counts, lengths, len(self._source.segment))]
        term = np.repeat(np.arange(end - begin), counts)[places >= 0]
        self.terms = self._of_page[begin:end]
        self._unpacked = places[places >= 0]
        self._counts = np.bincount(term, minlength=end - begin)
        self._ends = np.cumsum(self._counts)

    def take(self, last: bytes) -> _Part:
        """The terms up to one."""
        count = bisect_right(self.terms, last)
        end = int(self._ends[count - 1]) if count else 0
        part = _Part(self.terms[:count], self._counts[:count], self._unpacked[:end])
        del self.terms[:count]
        self._counts, self._unpacked = self._counts[count:], self._unpacked[end:]
        self._ends = self._ends[count:] - end
        return part


async def merge(sources: Sequence[Source], drain: Drain, elsewhere: Elsewhere) -> Built | None:
    """One segment of all; None if no message stays. Raises Lost, Corrupt, Unavailable, and what `drain` raises."""
    kept = np.concatenate([source.kept for source in sources])
    total = int(kept.sum())
    if not total:
        return None
    writer = Writer(total)
    places = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    starts = np.cumsum([0, *[len(source.segment) for source in sources]]).tolist()
    cursors = [
        _Cursor(source, places[begin:end], elsewhere)
        for source, begin, end in zip(sources, starts, starts[1:], strict=False)
    ]
    await _merge_terms(cursors, writer, drain, elsewhere)
    segments = [source.segment for source in sources]
    directory = directory_of(
        np.concatenate([segment.emails for segment in segments])[kept],
        np.concatenate([segment.flags for segment in segments])[kept],
        np.concatenate([segment.languages for segment in segments])[kept],
        np.concatenate([segment.noisy for segment in segments], axis=1)[:, kept],
    )
    directory.briefs = await _merge_briefs(sources, writer, drain)
    directory.fields = await _merge_fields(sources, writer, drain)
    pieces = put_directory(writer, directory)
    await drain(writer)
    return Built(writer, pieces)


async def _merge_terms(cursors: Sequence[_Cursor], writer: Writer, drain: Drain, elsewhere: Elsewhere) -> None:
    while True:
        live = [cursor for cursor in cursors if await cursor.ready()]
        if not live:
            return
        kind = min(cursor.kind for cursor in live)
        now = [cursor for cursor in live if cursor.kind == kind]
        last = min(cursor.terms[-1] for cursor in now)
        await elsewhere(partial(_write, writer, kind, [cursor.take(last) for cursor in now]))
        await drain(writer)


def _write(writer: Writer, kind: int, parts: Sequence[_Part]) -> None:
    writer.add(kind, *_together(parts))


def _together(parts: Sequence[_Part]) -> Lists:
    """The parts' terms, and their lists one after another: the sources are in the order of their messages."""
    parts = [part for part in parts if part.terms]
    if len(parts) == 1:
        terms, counts, places = parts[0]
        used = np.flatnonzero(counts)
        return Lists([terms[at] for at in used.tolist()], counts[used], places)
    terms = sorted({term for part in parts for term in part.terms})
    number = Numbers(zip(terms, range(len(terms)), strict=True))
    ranks = [np.repeat([number[term] for term in part.terms], part.counts) for part in parts]
    # Each part's ranks ascend, and what is made of such runs is what a stable sort is quick at.
    rank = np.concatenate(ranks)
    order = np.argsort(rank, kind="stable")
    counts = np.bincount(rank, minlength=len(terms))
    used = np.flatnonzero(counts)
    places = np.concatenate([part.places for part in parts])[order]
    return Lists([terms[at] for at in used.tolist()], counts[used], places)


async def _merge_briefs(sources: Sequence[Source], writer: Writer, drain: Drain) -> list[int]:
    briefs = BriefWriter(writer)
    for source in sources:
        place = 0
        for page in range(len(source.segment.briefs)):
            columns = await read_briefs(source.segment, source.pages, page)
            kept = np.flatnonzero(source.kept[place : place + len(columns)])
            place += len(columns)
            briefs.add(columns.take(kept))
            await drain(writer)
        if place != len(source.segment):
            raise Corrupt("A search index is damaged.", log=f"{place} briefs of {len(source.segment)} messages")
    briefs.finish()
    return briefs.pieces


async def read_briefs(segment: Segment, pages: Pages, page: int) -> brief.Columns:
    """A page of briefs. Raises Lost, Corrupt, Unavailable."""
    return brief.decode(unpack(await pages.whole(b"B", [page << 8 | k for k in range(segment.briefs[page])])))


async def _merge_fields(sources: Sequence[Source], writer: Writer, drain: Drain) -> list[list[int]]:
    fields = FieldWriter(writer)
    for field in range(len(FIELDS)):
        fields.begin()
        for source in sources:
            kept = source.kept.tolist()
            for number, first in source.segment.field_pages(field):
                values = (await source.pages.get([(b"F", number)]))[0].split(END)[:-1]
                fields.add([value for value, stays in zip(values, kept[first:], strict=False) if stays])
                await drain(writer)
    fields.finish()
    return fields.starts

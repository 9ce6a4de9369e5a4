"""Writes that are not in the store yet, and how the store looks through them.

The law: reading through an overlay and applying it first must give the same rows. Ranges are cleared before
single writes are applied, so a write into a cleared range stays.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from cluster.meta.limits import KEYS_END, Page, counted, page_of
from cluster.meta.store import Row


class _Mark(Enum):
    UNTOUCHED = "untouched"


UNTOUCHED: Final = _Mark.UNTOUCHED  # the overlay says nothing of this key: ask the store

Write = bytes | int | None  # a value set, a number added to what the store holds, or removed
ReadPage = Callable[[bytes, bytes, int, bool], Page]  # (begin, end, limit, reverse)


class Overlay:
    """Buffered writes: at most one for each key, and the ranges cleared beneath them."""

    __slots__ = ("_order", "cleared", "has_adds", "writes")

    def __init__(self) -> None:
        self.writes: dict[bytes, Write] = {}
        self.cleared: list[tuple[bytes, bytes]] = []  # sorted, apart from each other
        self.has_adds = False
        self._order: list[bytes] = []  # the keys of `writes`, sorted; made when asked for

    def __bool__(self) -> bool:
        return bool(self.writes or self.cleared)

    def look(self, key: bytes) -> Write | _Mark:
        """What is written to this key, or UNTOUCHED."""
        found = self.writes.get(key, UNTOUCHED)
        if found is UNTOUCHED and self.cleared and self._is_cleared(key):
            return None
        return found

    def add(self, key: bytes, delta: int) -> None:
        """Add to a counter, on top of what is written to it here."""
        before = self.look(key)
        if before is UNTOUCHED:
            self.writes[key] = delta
            self.has_adds = True
        elif isinstance(before, int):
            self.writes[key] = before + delta
        else:
            self.writes[key] = counted(before, delta)

    def clear_range(self, begin: bytes, end: bytes) -> None:
        """Remove begin <= key < end: the writes made here and all that the store holds."""
        end = min(end, KEYS_END)
        if begin >= end:
            return
        for key in self.keys_between(begin, end):
            del self.writes[key]
        self._order = []
        first = bisect_left(self.cleared, begin, key=_end_of)
        last = bisect_right(self.cleared, end, key=_begin_of)
        if first < last:  # touches others: becomes one with them
            begin = min(begin, self.cleared[first][0])
            end = max(end, self.cleared[last - 1][1])
        self.cleared[first:last] = [(begin, end)]

    def absorb(self, later: "Overlay") -> None:
        """Become what this one and then the later one would do."""
        for begin, end in later.cleared:
            self.clear_range(begin, end)
        if not later.has_adds:
            self.writes.update(later.writes)
            return
        for key, write in later.writes.items():
            if isinstance(write, int):
                self.add(key, write)
            else:
                self.writes[key] = write

    def keys_between(self, begin: bytes, end: bytes) -> list[bytes]:
        """The keys written to with begin <= key < end, sorted."""
        if len(self._order) != len(self.writes):  # keys are only ever added, but for clear_range, which resets
            self._order = sorted(self.writes)
        order = self._order
        return order[bisect_left(order, begin) : bisect_left(order, end)]

    def range(self, read: ReadPage, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        """A page of the store that `read` reads, seen through this overlay."""
        if not self:
            return read(begin, end, limit, reverse)
        return page_of(self._rows(read, begin, end, limit, reverse), limit)

    def _rows(self, read: ReadPage, begin: bytes, end: bytes, limit: int, reverse: bool) -> Iterator[Row]:
        for low, high, hidden in self._pieces(begin, end, reverse):
            while low < high:
                page = _NOTHING if hidden else read(low, high, limit, reverse)
                start, stop = covered(page, low, high, reverse)
                yield from self._through(page.rows, start, stop, reverse)
                if not page.more:
                    break
                low, high = (low, start) if reverse else (stop, high)

    def _through(self, rows: list[Row], begin: bytes, end: bytes, reverse: bool) -> list[Row]:
        own = self.keys_between(begin, end)
        if not own:
            return rows
        found = dict(rows)
        for key in own:
            write = self.writes[key]
            if write is None:
                found.pop(key, None)
            elif isinstance(write, int):
                found[key] = counted(found.get(key), write)
            else:
                found[key] = write
        return sorted(found.items(), reverse=reverse)

    def _is_cleared(self, key: bytes) -> bool:
        at = bisect_right(self.cleared, key, key=_begin_of) - 1
        return at >= 0 and key < self.cleared[at][1]

    def _pieces(self, begin: bytes, end: bytes, reverse: bool) -> Iterator[tuple[bytes, bytes, bool]]:
        """The range cut where clearing begins and ends, in reading order; True marks what is cleared."""
        pieces: list[tuple[bytes, bytes, bool]] = []
        at = begin
        for low, high in self.cleared[bisect_right(self.cleared, begin, key=_end_of) :]:
            if low >= end:
                break
            pieces += [(at, low, False), (max(at, low), min(high, end), True)]
            at = high
        pieces.append((at, end, False))
        return reversed(pieces) if reverse else iter(pieces)


_NOTHING: Final = Page([], more=False)


def covered(page: Page, begin: bytes, end: bytes, reverse: bool) -> tuple[bytes, bytes]:
    """What part of begin <= key < end the page answers for."""
    if not page.more:
        return begin, end
    last = page.rows[-1][0]
    return (last, end) if reverse else (begin, last + b"\0")


def _begin_of(span: tuple[bytes, bytes]) -> bytes:
    return span[0]


def _end_of(span: tuple[bytes, bytes]) -> bytes:
    return span[1]

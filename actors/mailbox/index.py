"""A mailbox's messages as packed columns, ascending by UID.

The law: rows change only through `append`, `change` and `remove`, each idempotent under replay of the log (a row
knows its MODSEQ), and each marks the pages it touched. Readers get arrays they must not write to and must not
keep over an await. 52 bytes a message: a million messages are 52 MB while somebody looks at them, nothing else.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from actors.mailbox.events import Event, FlagsChanged, MessagesAdded, MessagesExpunged, Row
from actors.mailbox.types import Ranges
from cluster.blobs.codec import pack, unpack
from cluster.errors import Corrupt

Array = npt.NDArray[Any]

PAGE_SHIFT: Final = 11  # a page holds the UIDs that share all but these low bits
# 2048 rows of 52 bytes are a little more than VALUE_BYTES_MAX, but a number of 8 bytes that can be has never all of
# them in use (48 bits count milliseconds for 9,000 years), so that what is left after packing is below it.
PAGE_ROWS_MAX: Final = 1 << PAGE_SHIFT
PIECE_ROWS: Final = 16_384  # packed or unpacked in about 2 ms
_FORMAT: Final = 2
_TYPES: Final = tuple(np.dtype(name) for name in ("<u4", "<i8", "<i8", "<i8", "<u4", "<i8", "<i8", "<u4"))
_COLUMNS_OF: Final = {1: _TYPES[:7], 2: _TYPES}  # by the format of a page; columns that it lacks are 0
_UID, _FLAGS, _MODSEQ, _EMAIL, _SIZE, _DATE, _SAVED, _BACK = range(len(_TYPES))


class Index:
    """Columns with room to grow. Two may share arrays (`share`) until one of them writes."""

    __slots__ = ("_columns", "_shared", "count", "dirty")

    def __init__(self, columns: Sequence[Array] | None = None) -> None:
        self._columns = list(columns) if columns is not None else [np.empty(0, kind) for kind in _TYPES]
        self._shared = False
        self.count = len(self._columns[_UID])
        self.dirty: set[int] = set()

    @property
    def columns(self) -> list[Array]:
        """All, in the order of storage."""
        return [column[: self.count] for column in self._columns]

    @property
    def uids(self) -> Array:
        """UIDs, uint32, ascending."""
        return self._columns[_UID][: self.count]

    @property
    def flags(self) -> Array:
        """Flags words, int64 (types.py)."""
        return self._columns[_FLAGS][: self.count]

    @property
    def modseqs(self) -> Array:
        """MODSEQ of each row's last change, int64."""
        return self._columns[_MODSEQ][: self.count]

    @property
    def emails(self) -> Array:
        """Email ids, int64."""
        return self._columns[_EMAIL][: self.count]

    @property
    def sizes(self) -> Array:
        """RFC822.SIZE in bytes, uint32."""
        return self._columns[_SIZE][: self.count]

    @property
    def dates(self) -> Array:
        """INTERNALDATE, int64 milliseconds since 1970."""
        return self._columns[_DATE][: self.count]

    @property
    def saved(self) -> Array:
        """When the row came into this mailbox, int64 milliseconds since 1970."""
        return self._columns[_SAVED][: self.count]

    @property
    def threads(self) -> Array:
        """Thread ids, int64: the email id of each thread's first message. An array of its own."""
        threads: Array = self.emails - self._columns[_BACK][: self.count]
        return threads

    def threads_of(self, rows: Array | int) -> Array:
        """The same of some rows."""
        threads: Array = self._columns[_EMAIL][rows] - self._columns[_BACK][rows]
        return threads

    def find(self, ranges: Iterable[tuple[int, int]]) -> Array:
        """Row numbers of those UIDs in the inclusive ranges that exist."""
        uids, spans = self.uids, list(ranges)
        # UIDs are looked for as what they are: a search for a plain number would convert the whole column first.
        if len(spans) == 1:  # one message or one run of them: by far the most common
            low, high = spans[0]
            return np.arange(uids.searchsorted(np.uint32(low)), uids.searchsorted(np.uint32(high), "right"))
        bounds = np.array(spans, np.uint32).reshape(-1, 2)  # and all at once: there can be a range for each row
        starts = uids.searchsorted(bounds[:, 0])
        counts = np.maximum(uids.searchsorted(bounds[:, 1], "right") - starts, 0)
        ends = np.cumsum(counts)
        found: Array = np.repeat(starts - ends + counts, counts) + np.arange(counts.sum())
        return found

    def append(self, rows: Iterable[Row], modseq: int, saved_ms: int) -> None:
        """Add rows above the highest UID; rows that are there already (replay) are passed over."""
        last = int(self._columns[_UID][self.count - 1]) if self.count else 0
        for row in rows:
            if row.uid <= last:
                continue
            if self._shared or self.count == len(self._columns[_UID]):
                self._own(self.count + 1)
            back = row.email - row.thread if row.thread else 0
            values = (row.uid, row.flags, modseq, row.email, row.size, row.date_ms, saved_ms, back)
            for column, value in zip(self._columns, values, strict=True):
                column[self.count] = value
            self.count += 1
            self.dirty.add(row.uid >> PAGE_SHIFT)

    def change(self, ranges: Ranges, clear: int, set_: int, modseq: int) -> None:
        """Change flags where the row has not seen this MODSEQ yet."""
        rows = self.find(ranges)
        rows = rows[self.modseqs[rows] < modseq]
        if not len(rows):
            return
        if self._shared:
            self._own(self.count)
        flags = self._columns[_FLAGS]
        flags[rows] = flags[rows] & ~np.int64(clear) | np.int64(set_)
        self._columns[_MODSEQ][rows] = modseq
        self._mark(rows)

    def remove(self, ranges: Ranges) -> None:
        """Take rows out."""
        rows = self.find(ranges)
        if not len(rows):
            return
        self._mark(rows)
        keep = np.ones(self.count, bool)
        keep[rows] = False
        self._columns = [column[: self.count][keep] for column in self._columns]
        self._shared = False
        self.count = len(self._columns[_UID])

    def apply(self, modseq: int, time_ms: int, event: Event) -> None:
        """What a log event does to the rows; nothing, for events that are not about rows."""
        if isinstance(event, MessagesAdded):
            self.append(event.rows, modseq, time_ms)
        elif isinstance(event, FlagsChanged):
            self.change(event.uids, event.clear, event.set, modseq)
        elif isinstance(event, MessagesExpunged):
            self.remove(event.uids)

    def share(self) -> "Index":
        """A copy that costs nothing until one of the two changes."""
        twin = Index(self.columns)
        twin._shared = self._shared = True
        return twin

    def _own(self, room: int) -> None:
        """Own arrays with room for so many rows and as many again up to a bound, so appending stays linear."""
        capacity = max(16, room + min(room, 65_536)) if room > self.count else room
        grown = [np.empty(capacity, kind) for kind in _TYPES]
        for new, old in zip(grown, self._columns, strict=True):
            new[: self.count] = old[: self.count]
        self._columns = grown
        self._shared = False

    def _mark(self, rows: Array) -> None:
        if len(rows) == 1:
            self.dirty.add(int(self._columns[_UID][rows[0]]) >> PAGE_SHIFT)
        else:
            self.dirty.update(np.unique(self.uids[rows] >> PAGE_SHIFT).tolist())

    def page(self, number: int) -> bytes | None:
        """The stored form of a page, None when no row is in it."""
        low, high = np.searchsorted(self.uids, [number << PAGE_SHIFT, (number + 1) << PAGE_SHIFT])
        if low == high:
            return None
        return self._packed(int(low), int(high))

    def pieces(self) -> Iterator[bytes]:
        """All rows in the form of stored pages, but larger: what `load` makes an index of."""
        for start in range(0, self.count, PIECE_ROWS):
            yield self._packed(start, min(start + PIECE_ROWS, self.count))

    def _packed(self, low: int, high: int) -> bytes:
        return bytes((_FORMAT,)) + pack(b"".join(column[low:high].tobytes() for column in self._columns))


def load(pages: Iterable[bytes]) -> Index:
    """An index from its stored pages, in order. Raises Corrupt."""
    return _joined([_columns_of(page) for page in pages])


def joined(parts: Sequence[Index]) -> Index:
    """The rows of all of these, in order."""
    return parts[0] if len(parts) == 1 else _joined([part.columns for part in parts])


def _joined(parts: Sequence[Sequence[Array]]) -> Index:
    if not parts:
        return Index()
    return Index([np.concatenate(columns) for columns in zip(*parts, strict=True)])


def _columns_of(page: bytes) -> list[Array]:
    kinds = _COLUMNS_OF.get(page[0]) if page else None
    if kinds is None:
        raise Corrupt("A mailbox's index is of another version.", log=f"index page format {page[:1]!r}")
    body = unpack(page[1:])
    rows, rest = divmod(len(body), sum(kind.itemsize for kind in kinds))
    if rest:
        raise Corrupt("A mailbox's index is damaged.", log="index page is cut")
    columns: list[Array] = []
    offset = 0
    for kind in kinds:
        columns.append(np.frombuffer(body, kind, rows, offset))
        offset += rows * kind.itemsize
    return columns + [np.zeros(rows, kind) for kind in _TYPES[len(kinds) :]]


def ranges_of(uids: Array) -> Ranges:
    """Ascending numbers as inclusive ranges."""
    if not len(uids):
        return ()
    first, last = int(uids[0]), int(uids[-1])
    if last - first == len(uids) - 1:
        return ((first, last),)
    starts, ends = run_bounds(uids)
    return tuple(zip(starts.tolist(), ends.tolist(), strict=True))


def run_bounds(numbers: Array) -> tuple[Array, Array]:
    """The first and the last of what ascends by one, in the order of `numbers`, which are at least one."""
    numbers = numbers.astype(np.int64)
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    return numbers[np.concatenate(([0], breaks + 1))], numbers[np.concatenate((breaks, [len(numbers) - 1]))]

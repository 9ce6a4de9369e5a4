"""Segments: the index of a stretch of an account's messages, made once and never changed, in rows that each fit a
value.

    H n        the directory, in pieces: which messages, their flags and languages, what the pages hold
    T t        terms, ascending, each with line feeds around it
    L t        for each of them: how many messages have it, how long its list is; where the pages of lists begin
    P t<<8|k   their lists (postings.py)
    B p<<8|k   briefs (brief.py), page p in pieces
    F n        a field's values (entry.py), of which message on; n counts over all fields

The law: a message's place is its rank among the segment's, ascending by Email id. Terms are of four classes, each with
pages of its own: words and grams, of headers and of bodies. A word is kept itself, or is known by its grams, or both
its messages and others are: where one is looked for, all three must be asked (matching.py).
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from actors.search import brief
from actors.search.brief import Columns
from actors.search.entry import END
from actors.search.postings import MESSAGES_MAX, pack_lists
from cluster.blobs.codec import pack, unpack
from cluster.errors import Corrupt

Array = npt.NDArray[Any]
Name = tuple[bytes, int]  # a row's kind and number
Row = tuple[Name, bytes]

HEADER_WORDS, HEADER_GRAMS, BODY_WORDS, BODY_GRAMS = range(4)
CLASSES: Final = 4

FORMAT: Final = 2
PIECE_BYTES: Final = 90_000  # of what is cut, below VALUE_BYTES_MAX
TERMS_BYTES: Final = 32 * 1024  # of a page of terms, unpacked
TERMS_MAX: Final = 8192  # and their number: 64 kB of counts and lengths
LISTS_BYTES: Final = 48 * 1024  # of a page of lists, unpacked; the last list may pass it by 32 kB
LISTS_OF_PAGE_BYTES: Final = 4 * 1024 * 1024  # of all lists of a page of terms: 85 pages, and 256 have a number
BRIEFS_ROWS: Final = 4096
FIELD_BYTES: Final = 64 * 1024  # of a page of a field; the last value may pass it by 16 kB


class Directory(msgspec.Struct, array_like=True, gc=False):
    """As stored. Lists have an item for each page, in order."""

    format: int
    emails: bytes
    flags: bytes
    languages: bytes
    noisy: bytes  # a bit each: whether a message has grams of words in its header; then the same of bodies
    classes: bytes = b""  # of pages of terms
    firsts: list[bytes] = []  # the first term
    terms: list[int] = []  # how many
    briefs: list[int] = []  # pieces of each page of BRIEFS_ROWS
    fields: list[list[int]] = []  # for each field: the place of the first message of each page


class TermPage(NamedTuple):
    """A page of terms, and where their lists are."""

    counts: Array  # messages that have the term
    lengths: Array  # of its list, bytes
    cuts: Array  # the first term of each page of lists


class Writer:
    """Makes the rows of terms and lists, a page whenever there is enough. `add` comes in the order of class and
    term."""

    def __init__(self, messages: int) -> None:
        if not 0 < messages <= MESSAGES_MAX:
            raise ValueError(f"a segment has 1 to {MESSAGES_MAX} messages, not {messages}")
        self.messages = messages
        self.rows: list[Row] = []  # whoever writes them takes them away
        self.size = 0  # of all rows so far
        self.classes = bytearray()
        self.firsts: list[bytes] = []
        self.counts: list[int] = []
        self._kind = 0
        self._terms: list[bytes] = []
        self._counts: Array = np.empty(0, np.int64)
        self._lengths: Array = np.empty(0, np.int64)
        self._data = b""
        self._text = 0  # bytes of the terms

    def add(self, kind: int, terms: Sequence[bytes], counts: Array, places: Array) -> None:
        """Terms with their lists: `counts` places each."""
        if kind != self._kind:
            self.flush()
            self._kind = kind
        if not terms:
            return
        data, lengths = pack_lists(places, counts, self.messages)
        self._terms.extend(terms)
        self._counts = np.concatenate((self._counts, counts))
        self._lengths = np.concatenate((self._lengths, lengths))
        self._data += data
        self._text += sum(map(len, terms)) + len(terms)
        while self._text > TERMS_BYTES or len(self._data) > LISTS_OF_PAGE_BYTES or len(self._terms) > TERMS_MAX:
            self._page(self._fit())

    def flush(self) -> None:
        """Make a page of what is there."""
        if self._terms:
            self._page(len(self._terms))

    def put(self, name: Name, value: bytes) -> None:
        """A row of another kind."""
        self.rows.append((name, value))
        self.size += len(value)

    def _fit(self) -> int:
        """How many of the terms one page can hold."""
        text = np.cumsum([len(term) + 1 for term in self._terms[: TERMS_MAX + 1]])
        lists = np.cumsum(self._lengths[: TERMS_MAX + 1])
        fit = int(np.searchsorted(text, TERMS_BYTES, "right"))
        fit = min(fit, int(np.searchsorted(lists, LISTS_OF_PAGE_BYTES, "right")), TERMS_MAX)
        return max(1, fit)

    def _page(self, count: int) -> None:
        number = len(self.firsts)
        terms, lengths = self._terms[:count], self._lengths[:count]
        ends = np.cumsum(lengths)
        cuts, at = [0], 0
        while (cut := int(np.searchsorted(ends, at + LISTS_BYTES, "left")) + 1) < count:
            cuts.append(cut)
            at = int(ends[cut - 1])
        self.put((b"T", number), pack(b"\n" + b"\n".join(terms) + b"\n"))
        self.put((b"L", number), pack(_lists_encoded(self._counts[:count], lengths, np.array(cuts))))
        bounds = [0, *[int(ends[cut - 1]) for cut in cuts[1:]], int(ends[-1])]
        for k, (begin, end) in enumerate(pairwise(bounds)):
            self.put((b"P", number << 8 | k), pack(self._data[begin:end]))
        self.classes.append(self._kind)
        self.firsts.append(terms[0])
        self.counts.append(count)
        self._text -= sum(map(len, terms)) + count
        del self._terms[:count]
        self._counts, self._lengths, self._data = self._counts[count:], self._lengths[count:], self._data[bounds[-1] :]


def _lists_encoded(counts: Array, lengths: Array, cuts: Array) -> bytes:
    return b"".join([column.astype("<u4").tobytes() for column in (np.array([len(counts)]), counts, lengths, cuts)])


def term_page(data: bytes) -> TermPage:
    """A row L, unpacked; numbers are uint32. Raises Corrupt."""
    if len(data) % 4 or len(data) < 4:
        raise Corrupt("A search index is damaged.", log=f"lists of terms in {len(data)} bytes")
    numbers = np.frombuffer(data, "<u4")
    count = int(numbers[0])
    if len(numbers) < 2 * count + 2:
        raise Corrupt("A search index is damaged.", log=f"lists of {count} terms in {len(data)} bytes")
    return TermPage(numbers[1 : 1 + count], numbers[1 + count : 1 + 2 * count], numbers[1 + 2 * count :])


class BriefWriter:
    """Makes the pages of briefs."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting: list[Columns] = []
        self.pieces: list[int] = []  # of each page

    def add(self, columns: Columns) -> None:
        """The next messages."""
        self._waiting.append(columns)
        if sum(map(len, self._waiting)) >= BRIEFS_ROWS:
            rows = brief.joined(self._waiting)
            whole = len(rows) // BRIEFS_ROWS * BRIEFS_ROWS
            for start in range(0, whole, BRIEFS_ROWS):
                self._put(rows.take(np.arange(start, start + BRIEFS_ROWS)))
            self._waiting = [rows.take(np.arange(whole, len(rows)))]

    def finish(self) -> None:
        """A page of what is left."""
        rest = brief.joined(self._waiting)
        if len(rest):
            self._put(rest)

    def _put(self, columns: Columns) -> None:
        pieces = cut(pack(brief.encode(columns)))
        for k, piece in enumerate(pieces):
            self._writer.put((b"B", len(self.pieces) << 8 | k), piece)
        self.pieces.append(len(pieces))


class FieldWriter:
    """Makes the pages of the fields, one field after another: `begin`, then `add` its values."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting: list[bytes] = []
        self._size = self._first = self._place = self._number = 0
        self.starts: list[list[int]] = []  # for each field: the place of the first message of each page

    def begin(self) -> None:
        """The next field."""
        self.finish()
        self._first = self._place = 0
        self.starts.append([])

    def add(self, values: Iterable[bytes]) -> None:
        """The values of the next messages."""
        for value in values:
            self._waiting.append(value)
            self._size += len(value) + 1
            self._place += 1
            if self._size >= FIELD_BYTES:
                self.finish()

    def finish(self) -> None:
        """A page of what is there."""
        if self._waiting:
            self._writer.put((b"F", self._number), pack(END.join(self._waiting) + END))
            self.starts[-1].append(self._first)
            self._number, self._first, self._size, self._waiting = self._number + 1, self._place, 0, []


def put_directory(writer: Writer, directory: Directory) -> int:
    """The last rows of a segment; how many pieces the directory has."""
    writer.flush()
    directory.classes, directory.firsts, directory.terms = bytes(writer.classes), writer.firsts, writer.counts
    pieces = cut(pack(msgspec.msgpack.encode(directory)))
    for k, piece in enumerate(pieces):
        writer.put((b"H", k), piece)
    return len(pieces)


def cut(data: bytes) -> list[bytes]:
    """Pieces that fit a row."""
    return [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]


class Segment:
    """A segment as its directory tells it."""

    def __init__(self, stored: bytes) -> None:
        """`stored`: the pieces of the directory, joined. Raises Corrupt."""
        try:
            found = msgspec.msgpack.decode(unpack(stored), type=Directory)
        except msgspec.MsgspecError as error:
            raise Corrupt("A search index is damaged.", log=f"directory: {error}") from error
        self.emails = np.cumsum(np.frombuffer(found.emails, "<i8"))
        self.flags = np.frombuffer(found.flags, np.uint8)
        self.languages = np.frombuffer(found.languages, np.uint8)
        self.classes = found.classes
        self.firsts = found.firsts
        self.terms = found.terms
        self.briefs = found.briefs
        self.fields = found.fields
        self.noisy = np.unpackbits(np.frombuffer(found.noisy, np.uint8))[: 2 * len(self.emails)].reshape(2, -1)
        if not len(self.emails) == len(self.flags) == len(self.languages):
            raise Corrupt("A search index is damaged.", log="directory: columns of unlike length")

    def __len__(self) -> int:
        return len(self.emails)

    def term_pages(self, kind: int) -> range:
        """The pages of a class of terms."""
        return range(self.classes.find(kind) if kind in self.classes else 0, self.classes.rfind(kind) + 1)

    def field_pages(self, field: int) -> list[tuple[int, int]]:
        """The pages of a field: number, and the place of its first message."""
        before = sum(map(len, self.fields[:field]))
        return [(before + at, first) for at, first in enumerate(self.fields[field])]

    @property
    def weight(self) -> int:
        """About how many bytes of memory it has."""
        return len(self) * 20 + sum(map(len, self.firsts)) + 100 * len(self.firsts)


def directory_of(emails: Array, flags: Array, languages: Array, noisy: Array) -> Directory:
    """A directory without its pages."""
    gaps = np.diff(emails.astype(np.int64), prepend=0)
    return Directory(
        FORMAT,
        gaps.astype("<i8").tobytes(),
        flags.astype(np.uint8).tobytes(),
        languages.astype(np.uint8).tobytes(),
        np.packbits(noisy.astype(bool)).tobytes(),
    )

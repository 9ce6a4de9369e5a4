"""What FETCH asked for, prepared once a command: which columns it needs and the shape of a response line.

The law: nothing here waits. A column yields one value per message, ready for its place in the line.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.imap.parts import Array
from mail.imap.dates import InternalDate, render_date_time
from mail.imap.fetch import BodySection, FetchAttribute, FetchItem, SectionText
from mail.message import section
from mail.message.header import header_fields_subset
from mail.message.record import Record

_A: Final = FetchAttribute
PIECE_BYTES: Final = 64 * 1024
_PLANNED_ITEMS: Final = 20  # of a list that is kept: nobody fills memory with longer ones, each made up
_DATES_CACHED: Final = 4096  # mail that came in one go has the same second


class Columns(NamedTuple):
    """A batch of messages that exist: index values first, then what was read of the messages (empty if not asked)."""

    seqs: list[int]
    uids: list[int]
    flags: list[bytes]
    sizes: Array
    dates: Array
    records: Sequence[Record] = ()
    contents: Sequence[bytes] = ()

    def pick(self, places: Sequence[int]) -> "Columns":
        """The index values of some of the messages."""
        return Columns(
            [self.seqs[place] for place in places],
            [self.uids[place] for place in places],
            [self.flags[place] for place in places],
            self.sizes[places],
            self.dates[places],
        )


Column = Callable[[Columns], Sequence[object]]


class Plan(NamedTuple):
    """A FETCH: the line's format with its columns, what must be read, whether \\Seen is set and FLAGS are said.

    `needs_contents`: how many of the items are of the message itself, each of them perhaps all of it.
    """

    line: bytes
    shapes: tuple[bytes, ...]
    columns: tuple[Column, ...]
    needs_records: bool
    needs_contents: int
    sets_seen: bool
    says_flags: bool

    def render(self, batch: Columns) -> list[bytes]:
        """One response for each message."""
        values = [column(batch) for column in self.columns]
        line = self.line
        return [line % row for row in zip(batch.seqs, *values, strict=True)]

    def render_apart(self, batch: Columns) -> Iterator[bytes]:
        """The response for one message, in pieces of at most PIECE_BYTES where it is large: of what is in memory
        anyway there is one copy at a time, the item that is being said."""
        lead = b"* %d FETCH (" % batch.seqs[0]
        for shape, column in zip(self.shapes, self.columns, strict=True):
            value = column(batch)[0]
            if isinstance(value, bytes) and len(value) > PIECE_BYTES:  # a literal, at the end of its shape
                yield lead + shape % b""
                for start in range(0, len(value), PIECE_BYTES):
                    yield value[start : start + PIECE_BYTES]
            else:
                yield lead + shape % value
            lead = b" "
        yield b")\r\n"


def plan(items: tuple[FetchItem, ...], *, uid: bool) -> Plan:
    """The plan for a list of items; UID FETCH answers have UID always (RFC 3501 6.4.8)."""
    return _plan_kept(items, uid) if len(items) <= _PLANNED_ITEMS else _plan(items, uid)


def _plan(items: tuple[FetchItem, ...], uid: bool) -> Plan:
    if uid and _A.UID not in items:
        items = (_A.UID, *items)
    shapes, columns = [], []
    for item in items:
        shape, column = _ATTRIBUTES[item] if isinstance(item, FetchAttribute) else _section(item)
        shapes.append(shape)
        columns.append(column)
    return Plan(
        b"* %d FETCH (" + b" ".join(shapes) + b")\r\n",
        tuple(shapes),
        tuple(columns),
        any(_is_read(item) for item in items),
        sum(isinstance(item, BodySection) or item in _WHOLE for item in items),
        any(isinstance(item, BodySection) and not item.peek for item in items)
        or bool({_A.RFC822, _A.RFC822_TEXT} & set(items)),
        _A.FLAGS in items,
    )


_plan_kept: Final = lru_cache(maxsize=256)(_plan)  # clients ask for the same few lists; a plan is about 1 kB


def _is_read(item: FetchItem) -> bool:
    return isinstance(item, BodySection) or item in _WHOLE or item in (_A.ENVELOPE, _A.BODY, _A.BODYSTRUCTURE)


def _literal(data: bytes) -> bytes:
    if b"\0" in data:  # CHAR8 has no NUL (RFC 3501 9); SMTP's BINARYMIME brings some. As many octets, so sizes hold
        data = data.replace(b"\0", b"\x80")
    return b"{%d}\r\n%b" % (len(data), data)


def _texts(batch: Columns) -> list[bytes]:
    return [
        _literal(content[record.root.body :]) for record, content in zip(batch.records, batch.contents, strict=True)
    ]


def _heads(batch: Columns) -> list[bytes]:
    return [
        _literal(content[: record.root.body]) for record, content in zip(batch.records, batch.contents, strict=True)
    ]


@lru_cache(maxsize=_DATES_CACHED)
def _date(epoch_s: int) -> bytes:
    return render_date_time(InternalDate(epoch_s, 0))


_WHOLE: Final = frozenset({_A.RFC822, _A.RFC822_HEADER, _A.RFC822_TEXT})
_ATTRIBUTES: Final[dict[FetchAttribute, tuple[bytes, Column]]] = {
    _A.FLAGS: (b"FLAGS %b", lambda batch: batch.flags),
    _A.UID: (b"UID %d", lambda batch: batch.uids),
    _A.RFC822_SIZE: (b"RFC822.SIZE %d", lambda batch: batch.sizes.tolist()),
    _A.INTERNALDATE: (b"INTERNALDATE %b", lambda batch: [_date(s) for s in (batch.dates // 1000).tolist()]),
    _A.ENVELOPE: (b"ENVELOPE %b", lambda batch: [record.envelope for record in batch.records]),
    _A.BODY: (b"BODY %b", lambda batch: [section.body(record) for record in batch.records]),
    _A.BODYSTRUCTURE: (b"BODYSTRUCTURE %b", lambda batch: [record.bodystructure for record in batch.records]),
    _A.RFC822: (b"RFC822 %b", lambda batch: [_literal(content) for content in batch.contents]),
    _A.RFC822_HEADER: (b"RFC822.HEADER %b", _heads),
    _A.RFC822_TEXT: (b"RFC822.TEXT %b", _texts),
}


def _section(item: BodySection) -> tuple[bytes, Column]:
    def column(batch: Columns) -> list[bytes]:
        return [_cut(item, *pair) for pair in zip(batch.records, batch.contents, strict=True)]

    return item.label().replace(b"%", b"%%") + b" %b", column


def _cut(item: BodySection, record: Record, content: bytes) -> bytes:
    """The section's bytes as nstring; NIL where the message has no such part."""
    found = section.locate(record, item.path, _WHAT[item.text])
    if found is None:
        return b"NIL"
    start, end = found
    if item.fields:
        header = header_fields_subset(
            content[start:end], item.fields, exclude=item.text is SectionText.HEADER_FIELDS_NOT
        )
        content, start, end = header, 0, len(header)
    if item.partial is not None:  # what is beyond the end is cut off, or empty (RFC 3501 6.4.5)
        start = min(start + item.partial.origin_bytes, end)
        end = min(start + item.partial.count_bytes, end)
    return _literal(content[start:end])


_WHAT: Final[dict[SectionText | None, section.What | None]] = {
    None: None,
    SectionText.HEADER: "HEADER",
    SectionText.HEADER_FIELDS: "HEADER",
    SectionText.HEADER_FIELDS_NOT: "HEADER",
    SectionText.TEXT: "TEXT",
    SectionText.MIME: "MIME",
}

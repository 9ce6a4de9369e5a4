"""What FETCH asked for, prepared once a command: which columns it needs and the shape of a response line.

The law: nothing here waits. A column yields one value per message, ready for its place in the line.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.access import ids
from gateway.imap.parts import Array
from gateway.imap.style import PLAIN, Style
from gateway.imap.troubles import No
from mail.imap.contents import literal8
from mail.imap.dates import InternalDate, render_date_time
from mail.imap.fetch import BinarySection, BinarySize, BodySection, FetchAttribute, FetchItem, Partial, SectionText
from mail.imap.render import string
from mail.message import binary, section
from mail.message.header import header_fields_subset
from mail.message.preview import preview
from mail.message.record import Record

_A: Final = FetchAttribute
_SAME_PART_MAX: Final = 4  # its size and a few pieces
PIECE_BYTES: Final = 64 * 1024
_PLANNED_ITEMS: Final = 20  # of a list that is kept: nobody fills memory with longer ones, each made up
_DATES_CACHED: Final = 4096  # mail that came in one go has the same second


class Columns(NamedTuple):
    """A batch of messages that exist: index values first, then what was read of the messages (empty if not asked).

    `numbers` is what responses begin with: sequence numbers, or UIDs (RFC 9586).
    """

    numbers: list[int]
    uids: list[int]
    flags: list[bytes]
    sizes: Array
    dates: Array
    modseqs: Array
    saved: Array
    emails: Array
    threads: Array
    account: int
    records: Sequence[Record] = ()
    contents: Sequence[bytes] = ()

    def pick(self, places: Sequence[int]) -> "Columns":
        """The index values of some of the messages."""
        return Columns(
            [self.numbers[place] for place in places],
            [self.uids[place] for place in places],
            [self.flags[place] for place in places],
            self.sizes[places],
            self.dates[places],
            self.modseqs[places],
            self.saved[places],
            self.emails[places],
            self.threads[places],
            self.account,
        )


Column = Callable[[Columns], Sequence[object]]


class Large(NamedTuple):
    """A literal that is not made one piece, which would be one more copy of a message: only for `render_apart`."""

    head: bytes
    data: bytes


class Plan(NamedTuple):
    """A FETCH: the line's format with its columns, what must be read, whether \\Seen is set, what else is said.

    `needs_contents`: how many of the items are of the message itself, each of them perhaps all of it.
    """

    lead: bytes
    line: bytes
    shapes: tuple[bytes, ...]
    columns: tuple[Column, ...]
    needs_records: bool
    needs_contents: int
    sets_seen: bool
    says_flags: bool
    says_modseq: bool
    says_threads: bool
    decoded: tuple[tuple[int, ...], ...]  # parts whose transfer encodings are undone

    def render(self, batch: Columns) -> list[bytes]:
        """One response for each message."""
        values = [column(batch) for column in self.columns]
        line = self.line
        return [line % row for row in zip(batch.numbers, *values, strict=True)]

    def render_apart(self, batch: Columns) -> Iterator[bytes]:
        """The response for one message, in pieces of at most PIECE_BYTES where it is large: of what is in memory
        anyway there is one copy at a time, the item that is being said."""
        for path in self.decoded:  # before anything is said: what has begun cannot be taken back
            binary.check(batch.records[0], path)
        lead = self.lead % batch.numbers[0]
        for shape, column in zip(self.shapes, self.columns, strict=True):
            value = column(batch)[0]
            if isinstance(value, Large):
                yield lead + shape % value.head
                for start in range(0, len(value.data), PIECE_BYTES):
                    yield value.data[start : start + PIECE_BYTES]
            else:
                yield lead + shape % value
            lead = b" "
        yield b")\r\n"


def plan(items: tuple[FetchItem, ...], style: Style = PLAIN, *, uid: bool) -> Plan:
    """The plan for a list of items. UID FETCH answers have UID always (RFC 3501 6.4.8), but for UIDFETCH, which begins
    with it and has it again only if it was asked for (RFC 9586 3.4)."""
    return (_plan_kept if len(items) <= _PLANNED_ITEMS else _plan)(items, style, uid)


def _plan(items: tuple[FetchItem, ...], style: Style, uid: bool) -> Plan:
    if uid and not style.uids and _A.UID not in items:
        items = (_A.UID, *items)
    shapes, columns = [], []
    for item in items:
        shape, column = _ATTRIBUTES[item] if isinstance(item, FetchAttribute) else _of_section(item)
        shapes.append(shape)
        columns.append(column)
    return Plan(
        style.lead,
        style.lead + b" ".join(shapes) + b")\r\n",
        tuple(shapes),
        tuple(columns),
        any(map(_is_read, items)),
        sum(map(_needs_content, items)),
        any(map(_sets_seen, items)),
        _A.FLAGS in items,
        _A.MODSEQ in items,
        _A.THREADID in items,
        _decoded_parts(items),
    )


_plan_kept: Final = lru_cache(maxsize=256)(_plan)  # clients ask for the same few lists; a plan is about 1 kB


def _decoded_parts(items: Iterable[FetchItem]) -> tuple[tuple[int, ...], ...]:
    """The part of each item that is of one decoded. It is decoded for each anew, and may be large."""
    paths = tuple(item.path for item in items if isinstance(item, BinarySection | BinarySize))
    if any(times > _SAME_PART_MAX for times in Counter(paths).values()):
        raise No(f"Ask for one decoded part {_SAME_PART_MAX} times at most", "LIMIT")
    return paths


def _is_read(item: FetchItem) -> bool:
    return not isinstance(item, FetchAttribute) or item in _WHOLE or item in _RECORDS


def _needs_content(item: FetchItem) -> bool:
    return not isinstance(item, FetchAttribute) or item in _WHOLE


def _sets_seen(item: FetchItem) -> bool:
    if isinstance(item, BodySection | BinarySection):
        return not item.peek
    return item in (_A.RFC822, _A.RFC822_TEXT)


def _literal(data: bytes) -> bytes | Large:
    if b"\0" in data:  # CHAR8 has no NUL (RFC 3501 9); SMTP's BINARYMIME brings some. As many octets, so sizes hold
        data = data.replace(b"\0", b"\x80")
    head = b"{%d}\r\n" % len(data)
    return Large(head, data) if len(data) > PIECE_BYTES else head + data


def _texts(batch: Columns) -> list[bytes | Large]:
    return [
        _literal(content[record.root.body :]) for record, content in zip(batch.records, batch.contents, strict=True)
    ]


def _heads(batch: Columns) -> list[bytes | Large]:
    return [
        _literal(content[: record.root.body]) for record, content in zip(batch.records, batch.contents, strict=True)
    ]


@lru_cache(maxsize=_DATES_CACHED)
def _date(epoch_s: int) -> bytes:
    return render_date_time(InternalDate(epoch_s, 0))


def _previews(batch: Columns) -> list[bytes]:
    """RFC 8970 3.2: UTF-8, so a literal where it is not ASCII."""
    return [
        string(preview(content, record).encode()) for record, content in zip(batch.records, batch.contents, strict=True)
    ]


def _email_ids(batch: Columns) -> list[bytes]:
    return [ids.email_id(batch.account, email).encode() for email in batch.emails.tolist()]


def _thread_ids(batch: Columns) -> list[bytes]:
    return [ids.thread_id(batch.account, thread).encode() for thread in batch.threads.tolist()]


_WHOLE: Final = frozenset({_A.RFC822, _A.RFC822_HEADER, _A.RFC822_TEXT, _A.PREVIEW, _A.PREVIEW_LAZY})
_RECORDS: Final = frozenset({_A.ENVELOPE, _A.BODY, _A.BODYSTRUCTURE})
_ATTRIBUTES: Final[dict[FetchAttribute, tuple[bytes, Column]]] = {
    _A.FLAGS: (b"FLAGS %b", lambda batch: batch.flags),
    _A.UID: (b"UID %d", lambda batch: batch.uids),
    _A.RFC822_SIZE: (b"RFC822.SIZE %d", lambda batch: batch.sizes.tolist()),
    _A.INTERNALDATE: (b"INTERNALDATE %b", lambda batch: [_date(s) for s in (batch.dates // 1000).tolist()]),
    _A.MODSEQ: (b"MODSEQ (%d)", lambda batch: batch.modseqs.tolist()),
    _A.ENVELOPE: (b"ENVELOPE %b", lambda batch: [record.envelope for record in batch.records]),
    _A.BODY: (b"BODY %b", lambda batch: [section.body(record) for record in batch.records]),
    _A.BODYSTRUCTURE: (b"BODYSTRUCTURE %b", lambda batch: [record.bodystructure for record in batch.records]),
    _A.RFC822: (b"RFC822 %b", lambda batch: [_literal(content) for content in batch.contents]),
    _A.RFC822_HEADER: (b"RFC822.HEADER %b", _heads),
    _A.RFC822_TEXT: (b"RFC822.TEXT %b", _texts),
    _A.SAVEDATE: (b"SAVEDATE %b", lambda batch: [_date(s) for s in (batch.saved // 1000).tolist()]),
    _A.EMAILID: (b"EMAILID (%b)", _email_ids),
    _A.THREADID: (b"THREADID (%b)", _thread_ids),
    _A.PREVIEW: (b"PREVIEW %b", _previews),
    _A.PREVIEW_LAZY: (b"PREVIEW %b", _previews),
}


def _of_section(item: BodySection | BinarySection | BinarySize) -> tuple[bytes, Column]:
    if isinstance(item, BinarySection):
        return _binary(item)
    return _binary_size(item) if isinstance(item, BinarySize) else _section(item)


def _binary(item: BinarySection) -> tuple[bytes, Column]:
    """RFC 3516 4.3. UnknownEncoding where a transfer encoding cannot be undone."""

    def column(batch: Columns) -> list[bytes | Large]:
        return [_decoded(item, *pair) for pair in zip(batch.records, batch.contents, strict=True)]

    return item.label() + b" %b", column


def _decoded(item: BinarySection, record: Record, content: bytes) -> bytes | Large:
    found = binary.decoded(content, record, item.path)
    if found is None:
        return b"NIL"
    if item.partial is not None:
        found = found[_span(item.partial, 0, len(found))]
    if b"\0" not in found:
        return _literal(found)
    return Large(*literal8(found)) if len(found) > PIECE_BYTES else b"".join(literal8(found))


def _binary_size(item: BinarySize) -> tuple[bytes, Column]:
    def column(batch: Columns) -> list[int]:
        pairs = zip(batch.records, batch.contents, strict=True)
        return [binary.decoded_size(content, record, item.path) or 0 for record, content in pairs]

    return item.label() + b" %d", column


def _section(item: BodySection) -> tuple[bytes, Column]:
    def column(batch: Columns) -> list[bytes | Large]:
        return [_told(item, *pair) for pair in zip(batch.records, batch.contents, strict=True)]

    return item.label().replace(b"%", b"%%") + b" %b", column


def _told(item: BodySection, record: Record, content: bytes) -> bytes | Large:
    """The section's bytes as nstring; NIL where the message has no such part."""
    data = cut(item, record, content)
    return b"NIL" if data is None else _literal(data)


def cut(item: BodySection, record: Record, content: bytes) -> bytes | None:
    """The section's bytes; None where the message has no such part."""
    found = section.locate(record, item.path, _WHAT[item.text])
    if found is None:
        return None
    start, end = found
    if item.fields:
        header = header_fields_subset(
            content[start:end], item.fields, exclude=item.text is SectionText.HEADER_FIELDS_NOT
        )
        content, start, end = header, 0, len(header)
    if item.partial is not None:
        return content[_span(item.partial, start, end)]
    return content[start:end]


def _span(partial: Partial, start: int, end: int) -> slice:
    """What is beyond the end is cut off, or empty (RFC 3501 6.4.5)."""
    start = min(start + partial.origin_bytes, end)
    return slice(start, min(start + partial.count_bytes, end))


_WHAT: Final[dict[SectionText | None, section.What | None]] = {
    None: None,
    SectionText.HEADER: "HEADER",
    SectionText.HEADER_FIELDS: "HEADER",
    SectionText.HEADER_FIELDS_NOT: "HEADER",
    SectionText.TEXT: "TEXT",
    SectionText.MIME: "MIME",
}

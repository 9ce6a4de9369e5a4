"""Entries: what an index has of one message. They are what segments are made of, and are kept as they are for the
newest messages, of which a segment would be too small.

The law: an entry depends on its message alone. Its runs are those of exactly the texts that SEARCH looks in
(mail.message.content.searched), its fields are the texts that SEARCH FROM, TO, CC, BCC and SUBJECT compare; what was
left out is told by `flags`, and makes the message one to be examined.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from actors.search.brief import Brief, brief_of
from actors.search.language import detect
from actors.search.tokens import CHARS_MAX, Collected, Runs, runs_of
from cluster.blobs.codec import pack, unpack
from cluster.errors import Corrupt
from mail.message import content
from mail.message.charset import fold
from mail.message.header import fields as header_fields
from mail.message.header import unfold
from mail.message.record import Record
from mail.message.words import decode_words

CUT: Final = 1  # has more runs than are here: TEXT and BODY must look at it
FIELDS_CUT: Final = 2  # has longer fields than are here: FROM and its like must look at it
ODD_HEADER: Final = 4  # the values of its header are not what the header as a whole reads: HEADER must look at it

FIELDS: Final = ("from", "to", "cc", "bcc", "subject")
FIELD_BYTES_MAX: Final = 16 * 1024  # of one field: 250 addresses with names
VALUE: Final = b"\xfe"  # before each value of a field; neither byte is in any UTF-8
END: Final = b"\xff"  # behind each message's
_VERSION: Final = b"\1"


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message. `runs` are words and spaceless runs of the headers, then of the body, each with line feeds around
    and between them; `fields` in the order of FIELDS."""

    email: int
    flags: int
    language: int
    brief: Brief
    fields: tuple[bytes, ...]
    runs: tuple[bytes, bytes, bytes, bytes]


def entry_of(email: int, raw: bytes, record: Record) -> Entry:
    """The entry of a message."""
    sides = Collected(), Collected()
    for in_body, text in content.searched(raw, record, chars_max=CHARS_MAX + 1):
        sides[in_body].add(text)
    header, body = sides[0].runs(), sides[1].runs()
    values, cut = _fields(record)
    flags = (CUT if header.cut or body.cut else 0) | (FIELDS_CUT if cut else 0)
    if _is_odd(raw, record, header):
        flags |= ODD_HEADER
    joined = (_joined(header.words), _joined(header.spaceless), _joined(body.words), _joined(body.spaceless))
    return Entry(email, flags, detect(body), brief_of(record), values, joined)


def unread(email: int, record: Record) -> Entry:
    """The entry of a message whose bytes cannot be read: it is always one to be examined."""
    values, cut = _fields(record)
    flags = CUT | ODD_HEADER | (FIELDS_CUT if cut else 0)
    return Entry(email, flags, 0, brief_of(record), values, (b"", b"", b"", b""))


def _joined(runs: set[bytes]) -> bytes:
    return b"\n" + b"\n".join(runs) + b"\n" if runs else b""


def _fields(record: Record) -> tuple[tuple[bytes, ...], bool]:
    """The fields, and whether one was too long: it is empty then."""
    values = [_field(content.field_texts(record, field)) for field in FIELDS]
    kept = tuple([value if len(value) <= FIELD_BYTES_MAX else b"" for value in values])
    return kept, kept != tuple(values)


def _field(texts: Iterable[str]) -> bytes:
    return b"".join([VALUE + fold(text).encode() for text in texts])


def _is_odd(raw: bytes, record: Record, header: Runs) -> bool:
    """Whether a value read by itself, as HEADER does, may have other runs than the header read in one. It may where
    bytes that are no ASCII have to be guessed, and where encoded words meet."""
    head = raw[: record.root.body]
    if b"=?" not in head and head.isascii():
        return False
    found = header_fields(head)
    values = runs_of([fold(decode_words(unfold(head[one.value_start : one.end]))) for one in found])
    return values.cut or not (values.words <= header.words and values.spaceless <= header.spaceless)


def encode(entry: Entry) -> bytes:
    """As stored."""
    return _VERSION + pack(msgspec.msgpack.encode(entry))


def decode(stored: bytes) -> Entry:
    """The inverse. Raises Corrupt."""
    if stored[:1] != _VERSION:
        raise Corrupt("A search index is damaged.", log=f"entry of version {stored[:1]!r}")
    try:
        return msgspec.msgpack.decode(unpack(stored[1:]), type=Entry)
    except msgspec.MsgspecError as error:
        raise Corrupt("A search index is damaged.", log=f"entry: {error}") from error

"""What FETCH asks for (RFC 3501 6.4.5). An item holds the question only; nothing here knows a message."""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from mail.imap.errors import ImapError
from mail.imap.lexer import Reader
from mail.imap.limits import Limits
from mail.imap.seqset import NUMBER_MAX


class FetchAttribute(Enum):
    """The items without arguments. BODY is BODYSTRUCTURE without extension data; RFC822 and RFC822_TEXT set \\Seen."""

    ENVELOPE = b"ENVELOPE"
    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    RFC822 = b"RFC822"
    RFC822_HEADER = b"RFC822.HEADER"
    RFC822_SIZE = b"RFC822.SIZE"
    RFC822_TEXT = b"RFC822.TEXT"
    UID = b"UID"
    BODY = b"BODY"
    BODYSTRUCTURE = b"BODYSTRUCTURE"


class SectionText(Enum):
    """What of the message or part named by the path is meant (RFC 3501 9, section-text)."""

    HEADER = b"HEADER"
    HEADER_FIELDS = b"HEADER.FIELDS"
    HEADER_FIELDS_NOT = b"HEADER.FIELDS.NOT"
    TEXT = b"TEXT"
    MIME = b"MIME"


class Partial(NamedTuple):
    """`<origin.count>`: `count_bytes` octets from `origin_bytes` on. The answer names the origin only."""

    origin_bytes: int
    count_bytes: int


@dataclass(frozen=True, slots=True)
class BodySection:
    """BODY[...] and BODY.PEEK[...]: the part numbers, what of that part (None: all of it), and which octets."""

    path: tuple[int, ...] = ()
    text: SectionText | None = None
    fields: tuple[bytes, ...] = ()
    """Header field names as the client spelled them; compare without case. Only for the HEADER_FIELDS kinds."""
    partial: Partial | None = None
    peek: bool = False

    @classmethod
    def parse(cls, reader: Reader, *, peek: bool) -> "BodySection":
        """section = "[" [section-spec] "]" and what may follow it; `BODY` or `BODY.PEEK` is read already."""
        reader.expect(b"[")
        path = _parse_path(reader)
        text: SectionText | None = None
        fields: tuple[bytes, ...] = ()
        if not path or reader.take(b"."):
            text, fields = _parse_text(reader, nested=bool(path))
        reader.expect(b"]")
        return cls(path, text, fields, _parse_partial(reader), peek)

    def label(self) -> bytes:
        """The item's name in the answer: without .PEEK, and with the origin octet only (RFC 3501 7.4.2)."""
        parts = [b"%d" % number for number in self.path]
        if self.text is not None:
            names = b" (%b)" % b" ".join(map(_render_field, self.fields)) if self.fields else b""
            parts.append(self.text.value + names)
        origin = b"<%d>" % self.partial.origin_bytes if self.partial is not None else b""
        return b"BODY[%b]%b" % (b".".join(parts), origin)


FetchItem = FetchAttribute | BodySection

_A = FetchAttribute
_ATTRIBUTES = {attribute.value: attribute for attribute in _A}
# RFC 3501 6.4.5, macros
_FAST = (_A.FLAGS, _A.INTERNALDATE, _A.RFC822_SIZE)
_MACROS: dict[bytes, tuple[FetchItem, ...]] = {
    b"ALL": (*_FAST, _A.ENVELOPE),
    b"FAST": _FAST,
    b"FULL": (*_FAST, _A.ENVELOPE, _A.BODY),
}

_ITEM = re.compile(rb"[A-Za-z0-9.]+")
# section-part = nz-number *("." nz-number)
_PATH = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*")
# partial = "<" number "." nz-number ">"
_PARTIAL = re.compile(rb"<([0-9]{1,10})\.([1-9][0-9]{0,9})>")
_SECTION_TEXTS = {text.value: text for text in SectionText}
_WITH_FIELDS = (SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT)
_PLAIN_FIELD = re.compile(rb"[!#$&'+-\[^-z|}~]+")

CACHED_MAX_BYTES = 256
"""Clients ask for the same few lists of items again and again. Longer lists are parsed each time."""
_LIMITS = Limits()  # so short a list cannot reach any other limit


def parse_items(reader: Reader) -> tuple[FetchItem, ...]:
    """ "ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")", to the end of the command."""
    rest = reader.text[reader.pos :]
    if len(rest) > CACHED_MAX_BYTES or rest.endswith(b"}"):
        return _parse_items(reader)
    reader.pos = len(reader.text)
    return _parse_cached(rest)


@lru_cache(maxsize=512)
def _parse_cached(text: bytes) -> tuple[FetchItem, ...]:
    reader = Reader((text,), (), _LIMITS)
    items = _parse_items(reader)
    reader.end()
    return items


def _parse_items(reader: Reader) -> tuple[FetchItem, ...]:
    if reader.peek(b"("):
        return tuple(dict.fromkeys(reader.parenthesized(_parse_item)))
    macro = _MACROS.get(reader.text[reader.pos :].upper())
    if macro is not None:
        reader.pos = len(reader.text)
        return macro
    return (_parse_item(reader),)


def _parse_item(reader: Reader) -> FetchItem:
    word = reader.need(_ITEM, "something to fetch").upper()
    if reader.peek(b"[") and word in (b"BODY", b"BODY.PEEK"):
        return BodySection.parse(reader, peek=word == b"BODY.PEEK")
    attribute = _ATTRIBUTES.get(word)
    if attribute is None:
        raise ImapError("Unknown item to fetch (RFC 3501 6.4.5)")
    return attribute


def _parse_path(reader: Reader) -> tuple[int, ...]:
    found = reader.match(_PATH)
    if found is None:
        return ()
    path = tuple(map(int, found[0].split(b".")))
    if len(path) > reader.limits.depth_max:
        raise ImapError("A part number this deep cannot be", code=b"LIMIT")
    return path


def _parse_text(reader: Reader, *, nested: bool) -> tuple[SectionText | None, tuple[bytes, ...]]:
    """section-msgtext, or section-text after a part number, where MIME may stand as well."""
    if not nested and reader.peek(b"]"):
        return None, ()
    text = _SECTION_TEXTS.get(reader.need(_ITEM, "HEADER, TEXT or a part number").upper())
    if text is None or (text is SectionText.MIME and not nested):
        raise ImapError("Unknown section (RFC 3501 9, section-spec)")
    if text not in _WITH_FIELDS:
        return text, ()
    reader.sp()
    return text, tuple(reader.parenthesized(Reader.astring))


def _parse_partial(reader: Reader) -> Partial | None:
    found = reader.match(_PARTIAL)
    if found is None:
        return None
    partial = Partial(int(found[1]), int(found[2]))
    if max(partial) > NUMBER_MAX:
        raise ImapError("A number has 32 bits (RFC 3501 9)")
    return partial


def _render_field(name: bytes) -> bytes:
    """header-fld-name = astring. A name that no header can have is said in a literal, so that nothing is mistaken."""
    if _PLAIN_FIELD.fullmatch(name):
        return name
    return b"{%d}\r\n%b" % (len(name), name)

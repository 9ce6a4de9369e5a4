"""What FETCH asks for (RFC 3501 6.4.5, with the items of RFC 3516, 7162, 8474, 8514 and 8970).

The law: an item holds the question only; nothing here knows a message.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from mail.imap.errors import ImapError
from mail.imap.lexer import NUMBER64_MAX, Reader
from mail.imap.limits import Limits
from mail.imap.seqset import PartialRange


class FetchAttribute(Enum):
    """The items without arguments. BODY is BODYSTRUCTURE without extension data; RFC822 and RFC822_TEXT set \\Seen.

    PREVIEW_LAZY may be answered NIL, and is answered as PREVIEW (RFC 8970 4.1).
    """

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
    MODSEQ = b"MODSEQ"
    SAVEDATE = b"SAVEDATE"
    EMAILID = b"EMAILID"
    THREADID = b"THREADID"
    PREVIEW = b"PREVIEW"
    PREVIEW_LAZY = b"PREVIEW (LAZY)"


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
        return b"BODY[%b]%b" % (self.spec(), _render_origin(self.partial))

    def spec(self) -> bytes:
        """section-spec: what stands in the brackets."""
        parts = [b"%d" % number for number in self.path]
        if self.text is not None:
            names = b" (%b)" % b" ".join(map(_render_field, self.fields)) if self.fields else b""
            parts.append(self.text.value + names)
        return b".".join(parts)


@dataclass(frozen=True, slots=True)
class BinarySection:
    """BINARY[...] and BINARY.PEEK[...]: a part without its transfer encoding; `partial` counts decoded octets."""

    path: tuple[int, ...] = ()
    partial: Partial | None = None
    peek: bool = False

    def label(self) -> bytes:
        """The item's name in the answer, as for BodySection (RFC 3516 4.3)."""
        return b"BINARY[%b]%b" % (_render_path(self.path), _render_origin(self.partial))


@dataclass(frozen=True, slots=True)
class BinarySize:
    """BINARY.SIZE[...]: how many octets BINARY would give."""

    path: tuple[int, ...] = ()

    def label(self) -> bytes:
        return b"BINARY.SIZE[%b]" % _render_path(self.path)


FetchItem = FetchAttribute | BodySection | BinarySection | BinarySize


class FetchRequest(NamedTuple):
    """All that FETCH has after the set. The modifiers are CHANGEDSINCE and VANISHED (RFC 7162), PARTIAL (RFC 9394)."""

    items: tuple[FetchItem, ...]
    changed_since: int | None = None
    vanished: bool = False
    partial: PartialRange | None = None


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
_MACRO = re.compile(rb"(?:ALL|FAST|FULL)(?= |\Z)", re.IGNORECASE)
# section-part = nz-number *("." nz-number)
_PATH = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*")
# partial = "<" number64 "." nz-number64 ">" (RFC 9051 9; RFC 3501 has 32 bits)
_PARTIAL = re.compile(rb"<([0-9]{1,19})\.([1-9][0-9]{0,18})>")
_SECTION_TEXTS = {text.value: text for text in SectionText}
_WITH_FIELDS = (SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT)
_LAZY = re.compile(rb" \((?:LAZY )*LAZY\)", re.IGNORECASE)
_PLAIN_FIELD = re.compile(rb"[!#$&'+-\[^-z|}~]+")

CACHED_MAX_BYTES = 256
"""Clients ask for the same few lists of items again and again. Longer lists are parsed each time."""
_LIMITS = Limits()  # so short a list cannot reach any other limit


def parse_request(reader: Reader) -> FetchRequest:
    """Items and [fetch-modifiers], to the end of the command."""
    rest = reader.text[reader.pos :]
    if len(rest) > CACHED_MAX_BYTES or rest.endswith(b"}"):
        return _parse_request(reader)
    reader.pos = len(reader.text)
    return _parse_cached(rest)


def parse_item(reader: Reader) -> FetchItem:
    """fetch-att"""
    word = reader.need(_ITEM, "something to fetch").upper()
    if reader.peek(b"[") and word in _SECTIONS:
        return _SECTIONS[word](reader)
    attribute = _ATTRIBUTES.get(word)
    if attribute is None:
        raise ImapError("Unknown item to fetch (RFC 3501 6.4.5)")
    if attribute is _A.PREVIEW and reader.match(_LAZY) is not None:
        return _A.PREVIEW_LAZY
    return attribute


def parse_section(spec: bytes) -> BodySection:
    """A section-spec that stands alone, without literals: how a URL has it (RFC 5092 6). ImapError."""
    reader = Reader((b"[%b]" % spec,), (), _LIMITS)
    section = BodySection.parse(reader, peek=True)
    reader.end()
    if section.partial is not None:
        raise ImapError("A section has no octets of its own to choose")
    return section


@lru_cache(maxsize=512)
def _parse_cached(text: bytes) -> FetchRequest:
    reader = Reader((text,), (), _LIMITS)
    request = _parse_request(reader)
    reader.end()
    return request


def _parse_request(reader: Reader) -> FetchRequest:
    request = FetchRequest(_parse_items(reader))
    return _parse_modifiers(reader, request) if reader.take(b" (") else request


def _parse_items(reader: Reader) -> tuple[FetchItem, ...]:
    """ "ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")" """
    if reader.peek(b"("):
        items = dict.fromkeys(reader.parenthesized(parse_item))
        if _A.PREVIEW in items:  # both are answered as PREVIEW, which is said once
            items.pop(_A.PREVIEW_LAZY, None)
        return tuple(items)
    macro = reader.match(_MACRO)
    return _MACROS[macro[0].upper()] if macro is not None else (parse_item(reader),)


def _parse_modifiers(reader: Reader, request: FetchRequest) -> FetchRequest:
    """fetch-modifier *(SP fetch-modifier) ")" (RFC 4466 2.5), each once."""
    seen: set[bytes] = set()
    while True:
        name = reader.word()
        parse = _MODIFIERS.get(name)
        if parse is None or name in seen:
            raise ImapError("Unknown FETCH modifier, or one that was there before")
        seen.add(name)
        request = parse(reader, request)
        if not reader.take(b" "):
            break
    reader.expect(b")")
    if request.vanished and request.changed_since is None:
        raise ImapError("VANISHED needs CHANGEDSINCE (RFC 7162 3.2.6)")
    return request


def _parse_changed_since(reader: Reader, request: FetchRequest) -> FetchRequest:
    reader.sp()
    return request._replace(changed_since=reader.mod_sequence())


def _parse_partial_modifier(reader: Reader, request: FetchRequest) -> FetchRequest:
    reader.sp()
    return request._replace(partial=reader.partial_range())


_MODIFIERS: dict[bytes, Callable[[Reader, FetchRequest], FetchRequest]] = {
    b"CHANGEDSINCE": _parse_changed_since,
    b"PARTIAL": _parse_partial_modifier,
    b"VANISHED": lambda _reader, request: request._replace(vanished=True),
}


def _parse_binary(reader: Reader, *, peek: bool) -> BinarySection:
    """section-binary [partial]"""
    path = _parse_binary_path(reader)
    return BinarySection(path, _parse_partial(reader), peek)


def _parse_binary_path(reader: Reader) -> tuple[int, ...]:
    """section-binary = "[" [section-part] "]" (RFC 3516 7)"""
    reader.expect(b"[")
    path = _parse_path(reader)
    reader.expect(b"]")
    return path


_SECTIONS: dict[bytes, Callable[[Reader], FetchItem]] = {
    b"BODY": functools.partial(BodySection.parse, peek=False),
    b"BODY.PEEK": functools.partial(BodySection.parse, peek=True),
    b"BINARY": functools.partial(_parse_binary, peek=False),
    b"BINARY.PEEK": functools.partial(_parse_binary, peek=True),
    b"BINARY.SIZE": lambda reader: BinarySize(_parse_binary_path(reader)),
}


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
    if max(partial) > NUMBER64_MAX:
        raise ImapError("A number has 63 bits here (RFC 9051 9, number64)")
    return partial


def _render_path(path: tuple[int, ...]) -> bytes:
    return b".".join(b"%d" % number for number in path)


def _render_origin(partial: Partial | None) -> bytes:
    return b"<%d>" % partial.origin_bytes if partial is not None else b""


def _render_field(name: bytes) -> bytes:
    """header-fld-name = astring. A name that no header can have is said in a literal, so that nothing is mistaken."""
    if _PLAIN_FIELD.fullmatch(name):
        return name
    return b"{%d}\r\n%b" % (len(name), name)

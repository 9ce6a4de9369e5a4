"""Annotations of mailboxes and of the server: GETMETADATA and SETMETADATA as values (RFC 5464).

The law: an entry name that leaves here can be stored, compared and sent back: lower case, ASCII, `/private/...` or
`/shared/...`, no empty part. The mailbox `""` is the server itself.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Self

from mail.imap.errors import ImapError
from mail.imap.lexer import Reader

# RFC 5464 3.2: no "*", no "%", no control characters, ASCII only, no empty component; here in lower case.
_COMPONENT = r"/[ !-$&-)+-.0-~]+"
_SCOPE = r"/(?:private|shared)"
_ENTRY = re.compile(rf"{_SCOPE}(?:{_COMPONENT})+")
_ENTRY_OR_SCOPE = re.compile(rf"{_SCOPE}(?:{_COMPONENT})*")
_WORD_OF_OPTION = re.compile(rb"\((?=[A-Za-z])")


class Depth(Enum):
    """How far below the entries named (RFC 5464 4.2.2)."""

    ZERO = b"0"
    ONE = b"1"
    INFINITY = b"INFINITY"


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """RFC 5464 4.2. `max_size` in octets: longer values are not told. An entry may be a scope alone: `/shared`."""

    mailbox: str
    entries: tuple[str, ...]
    depth: Depth = Depth.ZERO
    max_size: int | None = None

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries

        The examples of RFC 5464 have the options behind the mailbox (errata 2785 and 2786) and entries without
        parentheses (erratum 3868), and clients were written after them: both are taken.
        """
        reader.sp()
        options = reader.peek(b"(")
        depth, max_size = _parse_options(reader) if options else (Depth.ZERO, None)
        if options:
            reader.sp()
        mailbox = reader.mailbox()
        reader.sp()
        if not options and _WORD_OF_OPTION.match(reader.text, reader.pos):
            depth, max_size = _parse_options(reader)
            reader.sp()
        bare = not reader.peek(b"(")
        entries = reader.spaced(_entry_or_scope) if bare else reader.parenthesized(_entry_or_scope)
        return cls(mailbox, tuple(dict.fromkeys(entries)), depth, max_size)


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """RFC 5464 4.3. Each entry once, with the last value said of it; None removes it."""

    mailbox: str
    pairs: tuple[tuple[str, bytes | None], ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """setmetadata = "SETMETADATA" SP mailbox SP "(" entry SP value *(SP entry SP value) ")" """
        reader.sp()
        mailbox = reader.mailbox()
        reader.sp()
        return cls(mailbox, tuple(dict(reader.parenthesized(_pair)).items()))


def parse_entry(reader: Reader) -> str:
    """entry = astring ; slash-separated path, without regard to case. ImapError: BAD."""
    return _checked(reader, _ENTRY)


def _entry_or_scope(reader: Reader) -> str:
    return _checked(reader, _ENTRY_OR_SCOPE)


def _checked(reader: Reader, pattern: re.Pattern[str]) -> str:
    name = reader.astring().decode("latin-1").lower()
    if len(name) > reader.limits.name_max_bytes:
        raise ImapError("The entry name is too long", code=b"LIMIT")
    if pattern.fullmatch(name) is None:
        raise ImapError("This is no entry name (RFC 5464 3.2)")
    return name


def _pair(reader: Reader) -> tuple[str, bytes | None]:
    """entry-value = entry SP value; value = nstring / literal8"""
    entry = parse_entry(reader)
    reader.sp()
    return entry, reader.nstring8()


def _parse_options(reader: Reader) -> tuple[Depth, int | None]:
    """getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")", each option once."""
    found = reader.parenthesized(_option)
    options = dict(found)
    if len(options) != len(found):
        raise ImapError("An option stands twice (RFC 5464 4.2)")
    depth, max_size = options.get(b"DEPTH"), options.get(b"MAXSIZE")
    return depth if isinstance(depth, Depth) else Depth.ZERO, max_size if isinstance(max_size, int) else None


def _option(reader: Reader) -> tuple[bytes, Depth | int]:
    """maxsize-opt = "MAXSIZE" SP number; scope-opt = "DEPTH" SP ("0" / "1" / "infinity")"""
    name = reader.word()
    if name not in (b"MAXSIZE", b"DEPTH"):
        raise ImapError("Unknown option; known are MAXSIZE and DEPTH (RFC 5464 4.2)")
    reader.sp()
    if name == b"MAXSIZE":
        return name, reader.number()
    try:
        return name, Depth(reader.word())
    except ValueError:
        raise ImapError("DEPTH is 0, 1 or infinity (RFC 5464 4.2.2)") from None

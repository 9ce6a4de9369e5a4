"""The commands about messages as values that parse themselves (RFC 3501 6.3.11 and 6.4, RFC 4315, RFC 6851)."""

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

from mail.imap.dates import InternalDate
from mail.imap.fetch import FetchItem, parse_items
from mail.imap.lexer import Reader
from mail.imap.search import SearchKey
from mail.imap.searching import parse_program
from mail.imap.seqset import SequenceSet


@dataclass(frozen=True, slots=True)
class AppendMessage:
    """One message of APPEND: the octets as sent, flags, and the internal date (None: now)."""

    data: bytes = field(repr=False)
    flags: tuple[str, ...] = ()
    internal_date: InternalDate | None = None

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """[SP flag-list] [SP date-time] SP literal"""
        flags: tuple[str, ...] = ()
        internal_date = None
        reader.sp()
        if reader.peek(b"("):
            flags = reader.flag_list()
            reader.sp()
        if reader.peek(b'"'):
            internal_date = reader.date_time()
            reader.sp()
        return cls(reader.literal(), flags, internal_date)


@dataclass(frozen=True, slots=True)
class Append:
    """RFC 3501 6.3.11. One message today; a tuple, because RFC 3502 has several."""

    mailbox: str
    messages: tuple[AppendMessage, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        reader.sp()
        return cls(reader.mailbox(), (AppendMessage.parse(reader),))


@dataclass(frozen=True, slots=True)
class UidExpunge:
    """RFC 4315 2.1."""

    messages: SequenceSet

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        reader.sp()
        return cls(reader.sequence_set())


@dataclass(frozen=True, slots=True)
class Search:
    """RFC 3501 6.4.4. `charset` is what the client named (None: nothing); the strings in `key` are decoded from it."""

    key: SearchKey
    charset: str | None = None
    uid: bool = False

    @classmethod
    def parse(cls, reader: Reader, *, uid: bool = False) -> Self:
        return cls(*parse_program(reader), uid)


@dataclass(frozen=True, slots=True)
class Fetch:
    """RFC 3501 6.4.5. Macros are expanded, each item comes once. With `uid`, answers have UID though it is not here."""

    messages: SequenceSet
    items: tuple[FetchItem, ...]
    uid: bool = False

    @classmethod
    def parse(cls, reader: Reader, *, uid: bool = False) -> Self:
        reader.sp()
        messages = reader.sequence_set()
        reader.sp()
        return cls(messages, parse_items(reader), uid)


class StoreMode(Enum):
    """RFC 3501 6.4.6: FLAGS, +FLAGS, -FLAGS."""

    REPLACE = b"FLAGS"
    ADD = b"+FLAGS"
    REMOVE = b"-FLAGS"


# store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
_STORE = re.compile(rb"([+-]?FLAGS)(\.SILENT)? ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Store:
    """RFC 3501 6.4.6."""

    messages: SequenceSet
    mode: StoreMode
    flags: tuple[str, ...]
    silent: bool = False
    uid: bool = False

    @classmethod
    def parse(cls, reader: Reader, *, uid: bool = False) -> Self:
        reader.sp()
        messages = reader.sequence_set()
        reader.sp()
        start = reader.pos
        reader.need(_STORE, "FLAGS, +FLAGS or -FLAGS")
        name, silent = reader.text[start : reader.pos - 1].upper(), False
        if name.endswith(b".SILENT"):
            name, silent = name[:-7], True
        flags = reader.flag_list() if reader.peek(b"(") else tuple(dict.fromkeys(reader.spaced(Reader.flag)))
        return cls(messages, StoreMode(name), flags, silent, uid)


@dataclass(frozen=True, slots=True)
class _ToMailbox:
    """A command that takes messages of the selected mailbox to another."""

    messages: SequenceSet
    mailbox: str
    uid: bool = False

    @classmethod
    def parse(cls, reader: Reader, *, uid: bool = False) -> Self:
        reader.sp()
        messages = reader.sequence_set()
        reader.sp()
        return cls(messages, reader.mailbox(), uid)


@dataclass(frozen=True, slots=True)
class Copy(_ToMailbox):
    """RFC 3501 6.4.7."""


@dataclass(frozen=True, slots=True)
class Move(_ToMailbox):
    """RFC 6851."""

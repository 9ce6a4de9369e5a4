"""The commands about messages of the selected mailbox as values that parse themselves.

RFC 3501 6.4, RFC 4315, RFC 4731 (RETURN), RFC 6851, RFC 7162 (UNCHANGEDSINCE, CHANGEDSINCE), RFC 9394.
The law: what a plain client sends has positional fields; what an extension adds is named, and absent by default.
"""

import re
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from typing import Self

from mail.imap.errors import ImapError
from mail.imap.fetch import FetchItem, parse_request
from mail.imap.lexer import Reader
from mail.imap.returning import SearchReturn
from mail.imap.search import SearchKey
from mail.imap.searching import parse_program, parse_return
from mail.imap.seqset import PartialRange, SequenceSet


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
    """RFC 3501 6.4.4. `charset` is what the client named (None: nothing); the strings in `key` are decoded from it.

    With `returns` the answer is ESEARCH (RFC 4731), else SEARCH.
    """

    key: SearchKey
    charset: str | None = None
    uid: bool = False
    _: KW_ONLY
    returns: SearchReturn | None = None

    @classmethod
    def parse(cls, reader: Reader, *, uid: bool = False) -> Self:
        reader.sp()
        returns = parse_return(reader)
        key, charset = parse_program(reader, returns)
        return cls(key, charset, uid, returns=returns)


@dataclass(frozen=True, slots=True)
class Fetch:
    """RFC 3501 6.4.5. Macros are expanded, each item comes once. With `uid`, answers have UID though it is not here.

    `changed_since`: only what has a higher mod-sequence (RFC 7162 3.1.4), told with MODSEQ; `vanished`: and which UIDs
    of the set are gone (3.2.6). `partial`: first, these of the messages in the set (RFC 9394 3.3). Both for UID only.
    """

    messages: SequenceSet
    items: tuple[FetchItem, ...]
    uid: bool = False
    _: KW_ONLY
    changed_since: int | None = None
    vanished: bool = False
    partial: PartialRange | None = None

    @classmethod
    def parse(cls, reader: Reader, *, uid: bool = False) -> Self:
        reader.sp()
        messages = reader.sequence_set()
        reader.sp()
        items, changed_since, vanished, partial = parse_request(reader)
        if changed_since is None and partial is None:  # as nearly always, and then nothing is vanished
            return cls(messages, items, uid)
        if not uid and (vanished or partial is not None):
            raise ImapError("VANISHED and PARTIAL are for UID FETCH (RFC 7162 3.2.6, RFC 9394 3.3)")
        return cls(messages, items, uid, changed_since=changed_since, vanished=vanished, partial=partial)


class StoreMode(Enum):
    """RFC 3501 6.4.6: FLAGS, +FLAGS, -FLAGS."""

    REPLACE = b"FLAGS"
    ADD = b"+FLAGS"
    REMOVE = b"-FLAGS"


# store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
_STORE = re.compile(rb"([+-]?FLAGS)(\.SILENT)? ", re.IGNORECASE)
_MODES = {mode.value: mode for mode in StoreMode}
# store-modifier = "UNCHANGEDSINCE" SP mod-sequence-valzer (RFC 7162 7)
_UNCHANGED_SINCE = re.compile(rb"\(UNCHANGEDSINCE ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Store:
    """RFC 3501 6.4.6. `unchanged_since`: only where the mod-sequence is no higher (RFC 7162 3.1.3)."""

    messages: SequenceSet
    mode: StoreMode
    flags: tuple[str, ...]
    silent: bool = False
    uid: bool = False
    _: KW_ONLY
    unchanged_since: int | None = None

    @classmethod
    def parse(cls, reader: Reader, *, uid: bool = False) -> Self:
        reader.sp()
        messages = reader.sequence_set()
        reader.sp()
        unchanged_since = None
        found = reader.match(_STORE)
        if found is None:
            unchanged_since = _parse_unchanged_since(reader)
            found = reader.match(_STORE)
        if found is None:
            raise ImapError("Expected FLAGS, +FLAGS or -FLAGS")
        mode, silent = _MODES[found[1].upper()], found[2] is not None
        flags = reader.flag_list() if reader.peek(b"(") else tuple(dict.fromkeys(reader.spaced(Reader.flag)))
        return cls(messages, mode, flags, silent, uid, unchanged_since=unchanged_since)


def _parse_unchanged_since(reader: Reader) -> int | None:
    """[store-modifiers SP]; there is one modifier, and that once."""
    if reader.match(_UNCHANGED_SINCE) is None:
        return None
    value = reader.mod_sequence(zero=True)
    reader.expect(b") ")
    return value


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

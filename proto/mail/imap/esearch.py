"""ESEARCH over several mailboxes (RFC 7377) and CANCELUPDATE (RFC 5267 4.3.5) as values that parse themselves.

The law: which mailboxes are meant is said, never looked up: nothing here knows what exists.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Self

from mail.imap.errors import ImapError
from mail.imap.lexer import Reader
from mail.imap.returning import RETURN_ALL, ReturnOption, SearchReturn
from mail.imap.search import SearchKey
from mail.imap.searching import parse_program, parse_return


class SourceKind(Enum):
    """RFC 5465 6, without selected-delayed, and with subtree-one: a mailbox and its children (RFC 7377 2.2)."""

    SELECTED = b"SELECTED"
    INBOXES = b"INBOXES"
    PERSONAL = b"PERSONAL"
    SUBSCRIBED = b"SUBSCRIBED"
    SUBTREE = b"SUBTREE"
    SUBTREE_ONE = b"SUBTREE-ONE"
    MAILBOXES = b"MAILBOXES"


_KINDS = {kind.value: kind for kind in SourceKind}
_NAMING = (SourceKind.SUBTREE, SourceKind.SUBTREE_ONE, SourceKind.MAILBOXES)


@dataclass(frozen=True, slots=True)
class SearchSource:
    """Where to search. Names come with SUBTREE, SUBTREE_ONE and MAILBOXES only, and then at least one."""

    kind: SourceKind
    mailboxes: tuple[str, ...] = ()


_SELECTED: tuple[SearchSource, ...] = (SearchSource(SourceKind.SELECTED),)


@dataclass(frozen=True, slots=True)
class Esearch:
    """RFC 7377 2. The numbers in the answer are UIDs always; no RETURN is ALL, no source is the selected mailbox."""

    sources: tuple[SearchSource, ...]
    key: SearchKey
    charset: str | None = None
    returns: SearchReturn = RETURN_ALL

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program"""
        reader.sp()
        sources = _SELECTED
        if reader.text[reader.pos : reader.pos + 3].upper() == b"IN ":
            reader.pos += 3
            sources = tuple(reader.parenthesized(_source))
            reader.sp()
        returns = parse_return(reader) or RETURN_ALL
        if ReturnOption.SAVE in returns.options and sources != _SELECTED:
            raise ImapError("SAVE is for the selected mailbox alone (RFC 7377 2.2)")
        key, charset = parse_program(reader, returns)
        return cls(sources, key, charset, returns)


@dataclass(frozen=True, slots=True)
class CancelUpdate:
    """RFC 5267 4.3.5: the tags of the commands whose updates are to end."""

    tags: tuple[bytes, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """ "CANCELUPDATE" 1*(SP quoted)"""
        reader.sp()
        return cls(tuple(reader.spaced(_quoted)))


def _source(reader: Reader) -> SearchSource:
    """filter-mailboxes. Scope options, which may follow, are not defined yet, so that none is known (RFC 7377 4)."""
    kind = _KINDS.get(reader.word())
    if kind is None:
        raise ImapError("Unknown place to search (RFC 7377 2.2)")
    if kind not in _NAMING:
        return SearchSource(kind)
    reader.sp()
    names = reader.parenthesized(Reader.mailbox) if reader.peek(b"(") else [reader.mailbox()]
    return SearchSource(kind, tuple(dict.fromkeys(names)))


def _quoted(reader: Reader) -> bytes:
    if not reader.peek(b'"'):
        raise ImapError("Expected a tag in quotes")
    return reader.string()

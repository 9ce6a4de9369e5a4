"""LIST, LSUB and STATUS as values that parse themselves (RFC 3501 6.3.8 to 6.3.10, RFC 5258, RFC 6154).

The law: an option that is not known is BAD (RFC 5258 3), never passed over; one that stands twice counts once.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Self, TypeVar

from mail.imap.errors import ImapError
from mail.imap.lexer import Reader
from mail.imap.metadata import parse_entry

E = TypeVar("E", bound=Enum)


class ListSelect(Enum):
    """Which mailboxes LIST considers (RFC 5258 3.1, RFC 6154 6)."""

    SUBSCRIBED = b"SUBSCRIBED"
    REMOTE = b"REMOTE"
    RECURSIVEMATCH = b"RECURSIVEMATCH"
    SPECIAL_USE = b"SPECIAL-USE"

    @classmethod
    def parse(cls, reader: Reader) -> "ListSelect":
        return _member(cls, reader.word())


class ListReturn(Enum):
    """What LIST says of each (RFC 5258 3.2, RFC 6154 6, RFC 5819, RFC 8440, RFC 9590)."""

    SUBSCRIBED = b"SUBSCRIBED"
    CHILDREN = b"CHILDREN"
    SPECIAL_USE = b"SPECIAL-USE"
    STATUS = b"STATUS"
    MYRIGHTS = b"MYRIGHTS"
    METADATA = b"METADATA"


@dataclass(frozen=True, slots=True)
class List:
    """RFC 3501 6.3.8 and RFC 5258. `extended` tells the RFC 5258 syntax, where an empty pattern is no special case.

    `status` and `metadata` hold what STATUS (RFC 5819) and METADATA (RFC 9590) in `returns` ask for, else nothing.
    """

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[ListSelect] = frozenset()
    returns: frozenset[ListReturn] = frozenset()
    extended: bool = False
    status: tuple["StatusItem", ...] = ()
    metadata: tuple[str, ...] = ()

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]"""
        reader.sp()
        extended, selection = reader.peek(b"("), frozenset[ListSelect]()
        if extended:
            selection = _parse_selection(reader)
            reader.sp()
        reference = reader.reference()
        reader.sp()
        extended = extended or reader.peek(b"(")
        patterns = _parse_patterns(reader)
        if reader.match(_RETURN) is None:
            return cls(reference, patterns, selection, extended=extended)
        options = reader.parenthesized(_parse_return, empty=True)
        status = dict.fromkeys(item for option in options for item in option.status)
        metadata = dict.fromkeys(entry for option in options for entry in option.metadata)
        returns = frozenset(option.option for option in options)
        return cls(reference, patterns, selection, returns, True, tuple(status), tuple(metadata))


@dataclass(frozen=True, slots=True)
class Lsub:
    """RFC 3501 6.3.9."""

    reference: str
    pattern: str

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """lsub = "LSUB" SP mailbox SP list-mailbox"""
        reader.sp()
        reference = reader.reference()
        reader.sp()
        return cls(reference, reader.list_mailbox())


class StatusItem(Enum):
    """RFC 3501 6.3.10, and of extensions: the number of each is beside it."""

    MESSAGES = b"MESSAGES"
    RECENT = b"RECENT"
    UIDNEXT = b"UIDNEXT"
    UIDVALIDITY = b"UIDVALIDITY"
    UNSEEN = b"UNSEEN"
    HIGHESTMODSEQ = b"HIGHESTMODSEQ"  # RFC 7162
    SIZE = b"SIZE"  # RFC 8438
    DELETED = b"DELETED"  # RFC 9208
    DELETED_STORAGE = b"DELETED-STORAGE"  # RFC 9208
    APPENDLIMIT = b"APPENDLIMIT"  # RFC 7889
    MAILBOXID = b"MAILBOXID"  # RFC 8474

    @classmethod
    def parse(cls, reader: Reader) -> "StatusItem":
        return _member(cls, reader.word())


@dataclass(frozen=True, slots=True)
class Status:
    """RFC 3501 6.3.10. Items in the order asked, each once."""

    mailbox: str
    items: tuple[StatusItem, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" """
        reader.sp()
        mailbox = reader.mailbox()
        reader.sp()
        return cls(mailbox, _parse_items(reader))


_RETURN = re.compile(rb" RETURN (?=\()", re.IGNORECASE)
_NEEDS_A_BASE = frozenset({ListSelect.RECURSIVEMATCH, ListSelect.REMOTE})


class _Return(NamedTuple):
    """One option of RETURN with its values."""

    option: ListReturn
    status: tuple[StatusItem, ...] = ()
    metadata: tuple[str, ...] = ()


def _parse_return(reader: Reader) -> _Return:
    """return-option = "STATUS" SP "(" status-att ... ")" / "METADATA" SP "(" entry ... ")" / a word"""
    option = _member(ListReturn, reader.word())
    if option is ListReturn.STATUS:
        reader.sp()
        return _Return(option, status=_parse_items(reader))
    if option is ListReturn.METADATA:
        reader.sp()
        return _Return(option, metadata=tuple(reader.parenthesized(parse_entry)))
    return _Return(option)


def _parse_items(reader: Reader) -> tuple[StatusItem, ...]:
    return tuple(dict.fromkeys(reader.parenthesized(StatusItem.parse)))


def _parse_selection(reader: Reader) -> frozenset[ListSelect]:
    selection = frozenset(reader.parenthesized(ListSelect.parse, empty=True))
    # RFC 5258 3.1: RECURSIVEMATCH changes another option; alone, or with REMOTE only, it means nothing.
    if ListSelect.RECURSIVEMATCH in selection and selection <= _NEEDS_A_BASE:
        raise ImapError("RECURSIVEMATCH needs an option to go with it (RFC 5258 3.1)")
    return selection


def _parse_patterns(reader: Reader) -> tuple[str, ...]:
    """mbox-or-pat = list-mailbox / patterns; patterns = "(" list-mailbox *(SP list-mailbox) ")" """
    if reader.peek(b"("):
        patterns = tuple(reader.parenthesized(Reader.list_mailbox))
        if len(patterns) > reader.limits.patterns_max:
            raise ImapError("Too many patterns for one LIST", status=b"NO", code=b"LIMIT")
        return patterns
    return (reader.list_mailbox(),)


def _member(kind: type[E], word: bytes) -> E:
    try:
        return kind(word)
    except ValueError:
        raise ImapError(f"Unknown word; known are {_words(kind)}") from None


def _words(kind: type[Enum]) -> str:
    return ", ".join(member.value.decode() for member in kind)

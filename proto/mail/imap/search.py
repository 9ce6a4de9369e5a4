"""What SEARCH asks for (RFC 3501 6.4.4), as a tree. Every string in it is decoded; its depth and size are bounded."""

import datetime as dt
from dataclasses import dataclass

from mail.imap.seqset import SequenceSet


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class And:
    """All of these hold. Never empty."""

    keys: "tuple[SearchKey, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    left: "SearchKey"
    right: "SearchKey"


@dataclass(frozen=True, slots=True)
class Not:
    key: "SearchKey"


@dataclass(frozen=True, slots=True)
class Flag:
    """A system flag is set, spelled as in RFC 3501 2.3.2 (`\\Seen`), or `\\Recent`. UNSEEN is Not(Flag("\\Seen"))."""

    flag: str


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword is set. Compare without case."""

    keyword: str


@dataclass(frozen=True, slots=True)
class Header:
    """Field `name` (lower case) is there and its decoded value holds `value`; an empty value asks for presence only."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class From:
    value: str


@dataclass(frozen=True, slots=True)
class To:
    value: str


@dataclass(frozen=True, slots=True)
class Cc:
    value: str


@dataclass(frozen=True, slots=True)
class Bcc:
    value: str


@dataclass(frozen=True, slots=True)
class Subject:
    value: str


@dataclass(frozen=True, slots=True)
class Body:
    """The body holds `value`."""

    value: str


@dataclass(frozen=True, slots=True)
class Text:
    """The header or the body holds `value`."""

    value: str


@dataclass(frozen=True, slots=True)
class Before:
    """The internal date, disregarding time and zone, is before `date`."""

    date: dt.date


@dataclass(frozen=True, slots=True)
class On:
    date: dt.date


@dataclass(frozen=True, slots=True)
class Since:
    """The internal date is `date` or later."""

    date: dt.date


@dataclass(frozen=True, slots=True)
class SentBefore:
    """The Date: header field, disregarding time and zone, is before `date`."""

    date: dt.date


@dataclass(frozen=True, slots=True)
class SentOn:
    date: dt.date


@dataclass(frozen=True, slots=True)
class SentSince:
    date: dt.date


@dataclass(frozen=True, slots=True)
class Larger:
    """RFC822.SIZE is more than this."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class Smaller:
    """RFC822.SIZE is less than this."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class SeqSet:
    """Message sequence numbers, also in UID SEARCH."""

    messages: SequenceSet


@dataclass(frozen=True, slots=True)
class UidSet:
    """Unique identifiers (`UID 1:5` as a key)."""

    messages: SequenceSet


SearchKey = (
    All
    | And
    | Or
    | Not
    | Flag
    | Keyword
    | Header
    | From
    | To
    | Cc
    | Bcc
    | Subject
    | Body
    | Text
    | Before
    | On
    | Since
    | SentBefore
    | SentOn
    | SentSince
    | Larger
    | Smaller
    | SeqSet
    | UidSet
)

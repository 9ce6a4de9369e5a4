"""What SEARCH asks for (RFC 3501 6.4.4, and RFC 5032, 6203, 7162, 8474, 8514, 9738), as a tree.

The law: every string in it is decoded; its depth and size are bounded.
"""

import datetime as dt
from collections.abc import Iterator
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
    """Message sequence numbers, also in UID SEARCH. With `messages.saved`, the saved messages, whatever the numbers."""

    messages: SequenceSet


@dataclass(frozen=True, slots=True)
class UidSet:
    """Unique identifiers (`UID 1:5` as a key)."""

    messages: SequenceSet


@dataclass(frozen=True, slots=True)
class UidAfter:
    """The UID is above this one (RFC 9738 3.2): unlike `UID 8:*`, never the newest message where none is."""

    uid: int


@dataclass(frozen=True, slots=True)
class UidBefore:
    """The UID is below this one (RFC 9738 3.2)."""

    uid: int


@dataclass(frozen=True, slots=True)
class ModSequence:
    """The mod-sequence is `least` or higher (RFC 7162 3.1.5).

    `flag` and `kind` (priv, shared, all) name one flag's own; a server that has one for the message disregards them.
    """

    least: int
    flag: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Older:
    """The internal date is so many seconds ago, or more (RFC 5032 3)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Younger:
    """The internal date is so many seconds ago, or less (RFC 5032 3)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class EmailId:
    """Compare exactly (RFC 8474 6)."""

    email_id: str


@dataclass(frozen=True, slots=True)
class ThreadId:
    thread_id: str


@dataclass(frozen=True, slots=True)
class SavedBefore:
    """The save date, disregarding time and zone, is before `date` (RFC 8514 4.3)."""

    date: dt.date


@dataclass(frozen=True, slots=True)
class SavedOn:
    date: dt.date


@dataclass(frozen=True, slots=True)
class SavedSince:
    date: dt.date


@dataclass(frozen=True, slots=True)
class SaveDateSupported:
    """Every message, where the mailbox has save dates (RFC 8514 4.3)."""


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """The key may be met inexactly, and gives a score (RFC 6203 3)."""

    key: "SearchKey"


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
    | UidAfter
    | UidBefore
    | ModSequence
    | Older
    | Younger
    | EmailId
    | ThreadId
    | SavedBefore
    | SavedOn
    | SavedSince
    | SaveDateSupported
    | Fuzzy
)


def leaves(wanted: SearchKey) -> Iterator[SearchKey]:
    """All keys that have no others in them."""
    left = [wanted]
    while left:
        match left.pop():
            case And(keys):
                left += keys
            case Or(one, other):
                left += (one, other)
            case Not(inner) | Fuzzy(inner):
                left.append(inner)
            case leaf:
                yield leaf


def conjuncts(wanted: SearchKey) -> Iterator[SearchKey]:
    """Keys that each hold for all that is found, whatever parentheses they have."""
    left = [wanted]
    while left:
        match left.pop():
            case And(keys):
                left += keys
            case one:
                yield one

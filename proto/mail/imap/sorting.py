"""SORT and THREAD as values that parse themselves (RFC 5256, with the keys of RFC 5957 and RFC 6203).

The law: a command that leaves here can be answered; a key or an algorithm that is not known is BAD.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Self

from mail.imap.errors import ImapError
from mail.imap.lexer import Reader
from mail.imap.returning import SearchReturn
from mail.imap.search import SearchKey
from mail.imap.searching import parse_criteria, parse_return


class SortKey(Enum):
    """RFC 5256 3; DISPLAYFROM and DISPLAYTO: RFC 5957; RELEVANCY, the best first: RFC 6203 6."""

    ARRIVAL = b"ARRIVAL"
    CC = b"CC"
    DATE = b"DATE"
    DISPLAYFROM = b"DISPLAYFROM"
    DISPLAYTO = b"DISPLAYTO"
    FROM = b"FROM"
    RELEVANCY = b"RELEVANCY"
    SIZE = b"SIZE"
    SUBJECT = b"SUBJECT"
    TO = b"TO"


_KEYS = {key.value: key for key in SortKey}

THREAD_ALGORITHMS = ("ORDEREDSUBJECT", "REFERENCES", "REFS")
"""RFC 5256 3 has the first two; REFS is draft-ietf-morg-inthread: as REFERENCES, but never by subject."""


class SortCriterion(NamedTuple):
    """One key; `reverse` turns the order of this key alone (RFC 5256 3)."""

    key: SortKey
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Sort:
    """RFC 5256 3. With `returns` the answer is ESEARCH (RFC 5267 3), else SORT. No two criteria have the same key: the
    second decides nothing."""

    criteria: tuple[SortCriterion, ...]
    charset: str
    key: SearchKey
    uid: bool = False
    returns: SearchReturn | None = None

    @classmethod
    def parse(cls, reader: Reader, *, uid: bool = False) -> Self:
        """extended-sort = ["UID" SP] "SORT" [search-return-opts] SP sort-criteria SP search-criteria"""
        reader.sp()
        returns = parse_return(reader)
        criteria: dict[SortKey, SortCriterion] = {}
        for criterion in reader.parenthesized(_criterion):
            criteria.setdefault(criterion.key, criterion)
        key, charset = parse_criteria(reader, returns, fuzzy=SortKey.RELEVANCY in criteria)
        return cls(tuple(criteria.values()), charset, key, uid, returns)


@dataclass(frozen=True, slots=True)
class Thread:
    """RFC 5256 3. `algorithm` is one of THREAD_ALGORITHMS."""

    algorithm: str
    charset: str
    key: SearchKey
    uid: bool = False

    @classmethod
    def parse(cls, reader: Reader, *, uid: bool = False) -> Self:
        """thread = ["UID" SP] "THREAD" SP thread-alg SP search-criteria"""
        reader.sp()
        algorithm = reader.word().decode("ascii")
        if algorithm not in THREAD_ALGORITHMS:
            raise ImapError("Unknown algorithm for THREAD")
        key, charset = parse_criteria(reader, None)
        return cls(algorithm, charset, key, uid)


def _criterion(reader: Reader) -> SortCriterion:
    """sort-criterion = ["REVERSE" SP] sort-key"""
    word = reader.word()
    reverse = word == b"REVERSE"
    if reverse:
        reader.sp()
        word = reader.word()
    key = _KEYS.get(word)
    if key is None:
        raise ImapError("Unknown key for SORT")
    return SortCriterion(key, reverse)

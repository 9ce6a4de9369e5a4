"""Reading SEARCH keys (RFC 3501 6.4.4, 9 search-key). A new key is a line in KEYS.

Recursion follows the nesting of the keys, which ends at `limits.depth_max`; `limits.search_nodes_max` bounds the tree.
"""

import datetime as dt
import re
from collections.abc import Callable

from mail.imap import charset as charsets
from mail.imap import search
from mail.imap.dates import parse_date
from mail.imap.errors import ImapError
from mail.imap.lexer import Reader
from mail.imap.search import SearchKey

_CHARSET = re.compile(rb"CHARSET ", re.IGNORECASE)
_KEYWORD_ATOM = re.compile(rb"[!#$&'+-\[^-z|}~]+")
_DATE = re.compile(rb'"([^"]*)"|([0-9A-Za-z-]+)')


class KeyReader:
    """A Reader with what SEARCH adds: the charset of its strings, and how deep and how large the tree is."""

    __slots__ = ("_codec", "_depth", "_nodes", "reader")

    def __init__(self, reader: Reader, codec: str) -> None:
        self.reader = reader
        self._codec = codec
        self._depth = 0
        self._nodes = 0

    def key(self) -> SearchKey:
        """One search-key, with all that is inside it."""
        self._nodes += 1
        self._depth += 1
        limits = self.reader.limits
        if self._depth > limits.depth_max or self._nodes > limits.search_nodes_max:
            raise ImapError("This search is too large", status=b"NO", code=b"LIMIT")
        key = self._one_key()
        self._depth -= 1
        return key

    def keys(self) -> SearchKey:
        """search-key *(SP search-key): all must hold."""
        found = [self.key()]
        while self.reader.take(b" "):
            found.append(self.key())
        return found[0] if len(found) == 1 else search.And(tuple(found))

    def argument(self) -> SearchKey:
        """SP search-key"""
        self.reader.sp()
        return self.key()

    def text(self) -> str:
        """SP astring, decoded"""
        self.reader.sp()
        return charsets.decode(self.reader.astring(), self._codec)

    def date(self) -> dt.date:
        """SP date; date = date-text / DQUOTE date-text DQUOTE"""
        self.reader.sp()
        return parse_date(self.reader.need(_DATE, "a date").strip(b'"'))

    def number(self) -> int:
        self.reader.sp()
        return self.reader.number()

    def keyword(self) -> str:
        """SP flag-keyword"""
        self.reader.sp()
        return self.reader.need(_KEYWORD_ATOM, "a keyword").decode("ascii")

    def field(self) -> str:
        """SP header-fld-name, in lower case"""
        self.reader.sp()
        return self.reader.astring().decode("ascii", "replace").lower()

    def _one_key(self) -> SearchKey:
        reader = self.reader
        if reader.take(b"("):
            keys = self.keys()
            reader.expect(b")")
            return keys
        if reader.text[reader.pos : reader.pos + 1] in _SET_STARTS:
            return search.SeqSet(reader.sequence_set())
        parse = KEYS.get(reader.word())
        if parse is None:
            raise ImapError("Unknown search key (RFC 3501 6.4.4)")
        return parse(self)


_SET_STARTS = frozenset(b"%c" % octet for octet in b"0123456789*")


def parse_program(reader: Reader) -> tuple[SearchKey, str | None]:
    """SP ["CHARSET" SP astring SP] search-key *(SP search-key): the key, and the charset as named."""
    reader.sp()
    if reader.match(_CHARSET) is None:
        # Nothing named is US-ASCII (RFC 3501 6.4.4); RFC 9051 made that UTF-8, which holds the former.
        return KeyReader(reader, "utf_8").keys(), None
    charset = reader.astring()
    codec = charsets.codec_of(charset)
    reader.sp()
    return KeyReader(reader, codec).keys(), charset.decode("ascii")


def _uid(keys: KeyReader) -> SearchKey:
    keys.reader.sp()
    return search.UidSet(keys.reader.sequence_set())


def _flag(flag: str) -> Callable[[KeyReader], SearchKey]:
    key = search.Flag(flag)
    return lambda _keys: key


def _without(flag: str) -> Callable[[KeyReader], SearchKey]:
    key = search.Not(search.Flag(flag))
    return lambda _keys: key


# RFC 3501 6.4.4: NEW is (RECENT UNSEEN), OLD is NOT RECENT.
_ALL = search.All()
_NEW = search.And((search.Flag("\\Recent"), search.Not(search.Flag("\\Seen"))))

KEYS: dict[bytes, Callable[[KeyReader], SearchKey]] = {
    b"ALL": lambda _keys: _ALL,
    b"ANSWERED": _flag("\\Answered"),
    b"BCC": lambda keys: search.Bcc(keys.text()),
    b"BEFORE": lambda keys: search.Before(keys.date()),
    b"BODY": lambda keys: search.Body(keys.text()),
    b"CC": lambda keys: search.Cc(keys.text()),
    b"DELETED": _flag("\\Deleted"),
    b"DRAFT": _flag("\\Draft"),
    b"FLAGGED": _flag("\\Flagged"),
    b"FROM": lambda keys: search.From(keys.text()),
    b"HEADER": lambda keys: search.Header(keys.field(), keys.text()),
    b"KEYWORD": lambda keys: search.Keyword(keys.keyword()),
    b"LARGER": lambda keys: search.Larger(keys.number()),
    b"NEW": lambda _keys: _NEW,
    b"NOT": lambda keys: search.Not(keys.argument()),
    b"OLD": _without("\\Recent"),
    b"ON": lambda keys: search.On(keys.date()),
    b"OR": lambda keys: search.Or(keys.argument(), keys.argument()),
    b"RECENT": _flag("\\Recent"),
    b"SEEN": _flag("\\Seen"),
    b"SENTBEFORE": lambda keys: search.SentBefore(keys.date()),
    b"SENTON": lambda keys: search.SentOn(keys.date()),
    b"SENTSINCE": lambda keys: search.SentSince(keys.date()),
    b"SINCE": lambda keys: search.Since(keys.date()),
    b"SMALLER": lambda keys: search.Smaller(keys.number()),
    b"SUBJECT": lambda keys: search.Subject(keys.text()),
    b"TEXT": lambda keys: search.Text(keys.text()),
    b"TO": lambda keys: search.To(keys.text()),
    b"UID": _uid,
    b"UNANSWERED": _without("\\Answered"),
    b"UNDELETED": _without("\\Deleted"),
    b"UNDRAFT": _without("\\Draft"),
    b"UNFLAGGED": _without("\\Flagged"),
    b"UNKEYWORD": lambda keys: search.Not(search.Keyword(keys.keyword())),
    b"UNSEEN": _without("\\Seen"),
}

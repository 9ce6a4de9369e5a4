"""Reading SEARCH keys (RFC 3501 6.4.4, 9 search-key), and what stands before them. A new key is a line in KEYS.

The law: recursion follows the nesting of the keys, which ends at `limits.depth_max`; `limits.search_nodes_max` bounds
the tree.
"""

import datetime as dt
import re
from collections.abc import Callable

from mail.imap import charset as charsets
from mail.imap import search
from mail.imap.dates import parse_date
from mail.imap.errors import ImapError
from mail.imap.lexer import Reader
from mail.imap.returning import ReturnOption, SearchReturn
from mail.imap.search import SearchKey

# Their first letters, as most searches have neither.
_R, _C = (b"R", b"r"), (b"C", b"c")
_RETURN = re.compile(rb"RETURN ", re.IGNORECASE)
_CHARSET = re.compile(rb"CHARSET ", re.IGNORECASE)
# objectid = 1*255(ALPHA / DIGIT / "_" / "-") (RFC 8474 7)
_OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")
# entry-name = DQUOTE "/flags/" attr-flag DQUOTE (RFC 7162 7), unquoted
_ENTRY = re.compile(rb"/flags/(\\?[!#$&'+-\[^-z|}~]+)", re.IGNORECASE)
_ENTRY_KINDS = (b"PRIV", b"SHARED", b"ALL")
_KEYWORD_ATOM = re.compile(rb"[!#$&'+-\[^-z|}~]+")
_DATE = re.compile(rb'"([^"]*)"|([0-9A-Za-z-]+)')


class KeyReader:
    """A Reader with what SEARCH adds: the charset of its strings, and how deep and how large the tree is."""

    __slots__ = ("_codec", "_depth", "_nodes", "fuzzy", "reader")

    def __init__(self, reader: Reader, codec: str) -> None:
        self.reader = reader
        self.fuzzy = False  # whether there was a FUZZY key
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

    def size(self) -> int:
        """SP number64: IMAP4rev2's, of which IMAP4rev1's number is a part"""
        self.reader.sp()
        return self.reader.number64()

    def interval(self) -> int:
        """SP nz-number: seconds"""
        self.reader.sp()
        return self.reader.nz_number()

    def unique_id(self) -> int:
        """SP uniqueid"""
        self.reader.sp()
        return self.reader.nz_number()

    def object_id(self) -> str:
        """SP objectid; a quoted one is taken as well"""
        self.reader.sp()
        value = self.reader.astring()
        if _OBJECT_ID.fullmatch(value) is None:
            raise ImapError("This is no identifier of a message or thread (RFC 8474 7)")
        return value.decode("ascii")

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


_SET_STARTS = frozenset(b"%c" % octet for octet in b"0123456789*$")


def parse_return(reader: Reader) -> SearchReturn | None:
    """["RETURN" SP "(" options ")" SP] (RFC 4466 2.6.1)"""
    if not reader.text.startswith(_R, reader.pos) or reader.match(_RETURN) is None:
        return None
    returns = SearchReturn.parse(reader)
    reader.sp()
    return returns


def parse_program(reader: Reader, returns: SearchReturn | None = None) -> tuple[SearchKey, str | None]:
    """["CHARSET" SP astring SP] search-key *(SP search-key): the key, and the charset as named."""
    try:
        return _parse_program(reader, returns)
    except ImapError as error:
        raise _unsaving(error, returns)  # noqa: B904 - it is the same


def _parse_program(reader: Reader, returns: SearchReturn | None) -> tuple[SearchKey, str | None]:
    if reader.text.startswith(_C, reader.pos) and reader.match(_CHARSET) is not None:
        return _parse_in_charset(reader, returns, fuzzy=False)
    # Nothing named is US-ASCII (RFC 3501 6.4.4); RFC 9051 made that UTF-8, which holds the former.
    keys = KeyReader(reader, "utf_8")
    key = keys.keys()
    if returns is not None:
        _check_fuzzy(keys, returns, fuzzy=False)
    return key, None


def parse_criteria(reader: Reader, returns: SearchReturn | None, *, fuzzy: bool = False) -> tuple[SearchKey, str]:
    """SP charset 1*(SP search-key), as SORT and THREAD have it (RFC 5256 5). `fuzzy`: a FUZZY key has to be there."""
    reader.sp()
    try:
        return _parse_in_charset(reader, returns, fuzzy=fuzzy)
    except ImapError as error:
        raise _unsaving(error, returns)  # noqa: B904 - it is the same


def _unsaving(error: ImapError, returns: SearchReturn | None) -> ImapError:
    """A search with SAVE that is answered NO forgets what was saved (RFC 5182 2.1)."""
    error.unsaves = error.status == b"NO" and returns is not None and ReturnOption.SAVE in returns.options
    return error


def _parse_in_charset(reader: Reader, returns: SearchReturn | None, *, fuzzy: bool) -> tuple[SearchKey, str]:
    charset = reader.astring()
    codec = charsets.codec_of(charset)
    if reader.utf8 and codec not in ("utf_8", "ascii"):
        raise ImapError("All strings are UTF-8 since that was enabled (RFC 6855 3)")
    reader.sp()
    keys = KeyReader(reader, codec)
    key = keys.keys()
    _check_fuzzy(keys, returns, fuzzy=fuzzy)
    return key, charset.decode("ascii")


def _check_fuzzy(keys: KeyReader, returns: SearchReturn | None, *, fuzzy: bool) -> None:
    if returns is not None and ReturnOption.RELEVANCY in returns.options:
        fuzzy = True
    if fuzzy and not keys.fuzzy:
        raise ImapError("RELEVANCY needs a FUZZY key (RFC 6203 4)")


def _uid(keys: KeyReader) -> SearchKey:
    keys.reader.sp()
    return search.UidSet(keys.reader.sequence_set())


def _fuzzy(keys: KeyReader) -> SearchKey:
    keys.fuzzy = True
    return search.Fuzzy(keys.argument())


def _mod_sequence(keys: KeyReader) -> SearchKey:
    """[SP entry-name SP entry-type-req] SP mod-sequence-valzer (RFC 7162 7)"""
    reader = keys.reader
    reader.sp()
    if not reader.peek(b'"'):
        return search.ModSequence(reader.mod_sequence(zero=True))
    entry = _ENTRY.fullmatch(reader.string())
    if entry is None:
        raise ImapError("This entry has no mod-sequence (RFC 7162 7, entry-name)")
    reader.sp()
    kind = reader.word()
    if kind not in _ENTRY_KINDS:
        raise ImapError("Expected priv, shared or all (RFC 7162 7, entry-type-req)")
    reader.sp()
    least = reader.mod_sequence(zero=True)
    return search.ModSequence(least, entry[1].decode("ascii"), kind.decode("ascii").lower())


def _flag(flag: str) -> Callable[[KeyReader], SearchKey]:
    key = search.Flag(flag)
    return lambda _keys: key


def _without(flag: str) -> Callable[[KeyReader], SearchKey]:
    key = search.Not(search.Flag(flag))
    return lambda _keys: key


# RFC 3501 6.4.4: NEW is (RECENT UNSEEN), OLD is NOT RECENT.
_ALL = search.All()
_SAVE_DATE_SUPPORTED = search.SaveDateSupported()
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
    b"EMAILID": lambda keys: search.EmailId(keys.object_id()),
    b"FLAGGED": _flag("\\Flagged"),
    b"FROM": lambda keys: search.From(keys.text()),
    b"FUZZY": _fuzzy,
    b"HEADER": lambda keys: search.Header(keys.field(), keys.text()),
    b"KEYWORD": lambda keys: search.Keyword(keys.keyword()),
    b"LARGER": lambda keys: search.Larger(keys.size()),
    b"MODSEQ": _mod_sequence,
    b"NEW": lambda _keys: _NEW,
    b"NOT": lambda keys: search.Not(keys.argument()),
    b"OLD": _without("\\Recent"),
    b"OLDER": lambda keys: search.Older(keys.interval()),
    b"ON": lambda keys: search.On(keys.date()),
    b"OR": lambda keys: search.Or(keys.argument(), keys.argument()),
    b"RECENT": _flag("\\Recent"),
    b"SAVEDATESUPPORTED": lambda _keys: _SAVE_DATE_SUPPORTED,
    b"SAVEDBEFORE": lambda keys: search.SavedBefore(keys.date()),
    b"SAVEDON": lambda keys: search.SavedOn(keys.date()),
    b"SAVEDSINCE": lambda keys: search.SavedSince(keys.date()),
    b"SEEN": _flag("\\Seen"),
    b"SENTBEFORE": lambda keys: search.SentBefore(keys.date()),
    b"SENTON": lambda keys: search.SentOn(keys.date()),
    b"SENTSINCE": lambda keys: search.SentSince(keys.date()),
    b"SINCE": lambda keys: search.Since(keys.date()),
    b"SMALLER": lambda keys: search.Smaller(keys.size()),
    b"SUBJECT": lambda keys: search.Subject(keys.text()),
    b"TEXT": lambda keys: search.Text(keys.text()),
    b"THREADID": lambda keys: search.ThreadId(keys.object_id()),
    b"TO": lambda keys: search.To(keys.text()),
    b"UID": _uid,
    b"UIDAFTER": lambda keys: search.UidAfter(keys.unique_id()),
    b"UIDBEFORE": lambda keys: search.UidBefore(keys.unique_id()),
    b"UNANSWERED": _without("\\Answered"),
    b"UNDELETED": _without("\\Deleted"),
    b"UNDRAFT": _without("\\Draft"),
    b"UNFLAGGED": _without("\\Flagged"),
    b"UNKEYWORD": lambda keys: search.Not(search.Keyword(keys.keyword())),
    b"UNSEEN": _without("\\Seen"),
    b"YOUNGER": lambda keys: search.Younger(keys.interval()),
}

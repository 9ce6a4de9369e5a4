"""Authentication-Results (RFC 8601): what was found out about a message, told in its header, and read from there.

The law: whatever the values hold, what is written is one well-formed field, and nothing in it can be taken for another
result or another field. What is read is strict; who is claimed by a field is read so that nothing gets away with it.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from mail.message.header import Field
from mail.trust.names import u_label

NAME: Final = b"Authentication-Results"
VALUE_BYTES_MAX: Final = 16 * 1024  # of a field that is read; the longest in use have 2,000
VALUE_CHARS_MAX: Final = 320  # of one written value, in UTF-8: an address (RFC 5321 4.5.3.1); a line has 998 bytes
REASON_CHARS_MAX: Final = 200
RESULTS_MAX: Final = 100  # of one field that is read or written
PROPERTIES_MAX: Final = 50  # of one result
COLUMNS: Final = 78  # RFC 5322 2.1.1

# token of RFC 2045 5.1; UTF-8 stands in a quoted string or an address (RFC 6532)
# where it is written; where it is read, UTF-8 without quotes is taken as it is meant.
_TOKEN: Final = re.compile(r"[!#-'*+\-.0-9A-Z^-~\x80-\U0010ffff]+")
_KEYWORD: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\Z")
_ADDRESS: Final = re.compile(
    r"(?:[!#-'*+\-/0-9=?A-Z^-~\x80-\U0010ffff]+(?:\.[!#-'*+\-/0-9=?A-Z^-~\x80-\U0010ffff]+)*)?@"
    r"[0-9A-Za-z\x80-\U0010ffff_-]+(?:\.[0-9A-Za-z\x80-\U0010ffff_-]+)*\Z"
)
_TOKEN_WHOLE: Final = re.compile(r"[!#-'*+\-.0-9A-Z^-~]+\Z")
_STRAY: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|\n(?![ \t])")
# One field of the name, as `mail.message.header.fields` finds them.
_OF_THE_NAME: Final = re.compile(rb"(?:^|(?<=\n))(" + NAME + rb")[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*\n?)", re.IGNORECASE)
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Property(NamedTuple):
    """`ptype`: smtp, header, body, policy, or another; `name`: mailfrom, helo, d, s, from, iprev, ..."""

    ptype: str
    name: str
    value: str


class Result(NamedTuple):
    """One method and how it ended. `comment` is written after the result, and not read."""

    method: str
    result: str
    properties: tuple[Property, ...] = ()
    reason: str = ""
    comment: str = ""
    version: int = 1  # of the method; a reader ignores results of versions it does not know (2.6)


class AuthResults(NamedTuple):
    """A field. Without results it says `none`."""

    authserv_id: str
    results: tuple[Result, ...] = ()
    version: int = 1


# -- writing ---------------------------------------------------------------------------------------------------------


def render(what: AuthResults) -> bytes:
    """The field, folded, with its CRLF. Raises ValueError where a method, result or property is no keyword: those are
    ours, never the network's."""
    lines = [f"{NAME.decode()}: {_value(what.authserv_id)}"]
    if not what.results:
        return f"{lines[0]}; none\r\n".encode()
    for result in what.results[:RESULTS_MAX]:
        lines[-1] += ";"
        lines += _folded(_words(result))
    return ("\r\n".join(lines) + "\r\n").encode()


def _words(result: Result) -> list[str]:
    words = [f"{_keyword(result.method)}={_keyword(result.result)}"]
    if result.comment:
        words.append(f"({_comment(result.comment)})")
    if result.reason:
        words.append(f"reason={_quoted(_fit(result.reason, REASON_CHARS_MAX))}")
    for ptype, name, value in result.properties[:PROPERTIES_MAX]:
        words.append(f"{_keyword(ptype)}.{_keyword(name)}={_pvalue(value)}")
    return words


def _folded(words: list[str]) -> list[str]:
    """In lines of COLUMNS, as far as the words allow."""
    lines = ["\t" + words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > COLUMNS:
            lines.append("\t " + word)
        else:
            lines[-1] += " " + word
    return lines


@lru_cache(maxsize=256)  # there are some dozens, all of them ours
def _keyword(text: str) -> str:
    if not _KEYWORD.match(text):
        raise ValueError(f"{text!r} is no keyword")
    return text


def _fit(text: str, most: int) -> str:
    """Without what no field can have: controls, line ends, lone surrogates."""
    text = text[:most]
    if text.isascii() and text.isprintable():
        return text
    text = _UNFIT.sub(" ", text)
    return text if text.isascii() else text.encode()[:most].decode("utf-8", "ignore")


def _value(text: str) -> str:
    """value = token / quoted-string."""
    text = _fit(text, VALUE_CHARS_MAX)
    return text if _TOKEN_WHOLE.match(text) else _quoted(text)


def _pvalue(text: str) -> str:
    """value / [ [ local-part ] "@" ] domain-name; UTF-8 as it is (RFC 8616 5)."""
    text = _fit(text, VALUE_CHARS_MAX)
    if "@" in text:
        return text if _ADDRESS.match(text) else _quoted(text)
    return _value(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _comment(text: str) -> str:
    return re.sub(r"([\\()])", r"\\\1", _fit(text, REASON_CHARS_MAX))


# -- reading ---------------------------------------------------------------------------------------------------------


def parse(value: bytes) -> AuthResults | None:
    """The value of a field, folded or not; None where it does not follow the grammar. Linear time, never raises."""
    if len(value) > VALUE_BYTES_MAX:
        return None
    try:
        return _Reader(_text(value)).read()
    except _BadField:
        return None


def claimed_id(value: bytes) -> str | None:
    """The authserv-id alone, whatever follows; None where there is none that could be read."""
    return _claimed(value)[0]


def _claimed(value: bytes) -> tuple[str | None, int]:
    """With the version; 0: one that is no version."""
    reader = _Reader(_text(value[:VALUE_BYTES_MAX]))
    found: str | None = None
    try:
        found = reader.value()
        return found, reader.version()
    except _BadField:
        return found, 0


def claims(value: bytes, ids: Collection[str]) -> bool:
    """Whether a field from outside must be removed (5): its authserv-id is one of ours (any case, A- or U-labels), or
    cannot be read, or its version is none that we know, or another reader may see a line's end within."""
    found, version = _claimed(value)
    if (
        _STRAY.search(value.rstrip(b"\r\n"))
        or found is None
        or "\ufffd" in found
        or version != 1
        or len(value) > VALUE_BYTES_MAX
    ):
        return True
    return _comparable(found) in {_comparable(one) for one in ids}


def to_remove(raw: bytes, ids: Collection[str], start: int = 0, end: int | None = None) -> list[Field]:
    """The fields of a header that came from outside and claim to be ours, in order; however many others there are."""
    found = [
        Field(match[1], match.start(), match.start(2), match.end())
        for match in _OF_THE_NAME.finditer(raw, start, len(raw) if end is None else end)
    ]
    return [field for field in found if claims(raw[field.value_start : field.end], ids)]


def without(raw: bytes, removed: Iterable[Field]) -> bytes:
    """The header without these fields, all else byte for byte."""
    kept = []
    position = 0
    for field in removed:
        kept.append(raw[position : field.start])
        position = field.end
    kept.append(raw[position:])
    return b"".join(kept)


def _comparable(text: str) -> str:
    return u_label(text.strip()).casefold()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


class _BadField(Exception):
    """It does not follow the grammar."""


class _Reader:
    """The grammar of 2.2, from the left to the right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> AuthResults:
        ident = self.value()
        version = self.version()
        results: list[Result] = []
        while self._peek() == ";":
            self._at += 1
            self._skip()
            if not self._peek():
                break  # a semicolon at the end, as some write it
            if len(results) >= RESULTS_MAX:
                raise _BadField
            if (one := self._result()) is not None:
                results.append(one)
        if self._peek():
            raise _BadField
        return AuthResults(ident, tuple(results), version)

    def _result(self) -> Result | None:
        method = self._keyword().lower()
        if method == "none" and self._peek() in ("", ";"):
            return None
        version = 1
        if self._peek() == "/":
            self._at += 1
            self._skip()
            version = self._number()
        self._expect("=")
        result = self._keyword().lower()
        reason = ""
        properties: list[Property] = []
        while self._peek() not in ("", ";"):
            name = self._keyword()
            if self._peek() != ".":
                self._expect("=")
                said = (
                    self._pvalue()
                )  # of reason=, or of something that is no property (Microsoft's action=), passed over
                reason = reason or (said if name.lower() == "reason" else "")
                continue
            self._at += 1
            self._skip()
            kind = self._keyword()
            self._expect("=")
            properties.append(Property(name.lower(), kind.lower(), self._pvalue()))
            if len(properties) > PROPERTIES_MAX:
                raise _BadField
        return Result(method, result, tuple(properties), reason, version=version)

    def version(self) -> int:
        """[ CFWS authres-version ], 1 where there is none."""
        self._skip()
        return self._number() if self._peek().isdecimal() else 1

    def value(self) -> str:
        """[CFWS] token or quoted-string."""
        self._skip()
        if self._peek() == '"':
            return self._quoted()
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise _BadField
        self._at = match.end()
        return match[0]

    def _pvalue(self) -> str:
        """A value, or an address, whose local part may be quoted; with what of RFC 6376's base64 and of other
        properties is written without quotes in practice."""
        self._skip()
        start = self._peek()
        text = self._quoted() if start == '"' else ""
        match = _BARE.match(self._text, self._at)
        if match is None and start != '"':
            raise _BadField
        if match is not None and (start != '"' or match[0].startswith("@")):
            self._at = match.end()
            text += match[0]
        self._skip()
        return text

    def _keyword(self) -> str:
        match = _WORD.match(self._text, self._at)
        if match is None:
            raise _BadField
        self._at = match.end()
        self._skip()
        return match[0]

    def _number(self) -> int:
        match = _DIGITS.match(self._text, self._at)
        if match is None:
            raise _BadField
        self._at = match.end()
        self._skip()
        return int(match[0])

    def _expect(self, char: str) -> None:
        if self._peek() != char:
            raise _BadField
        self._at += 1
        self._skip()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _quoted(self) -> str:
        match = _QUOTED.match(self._text, self._at)
        if match is None:
            raise _BadField
        self._at = match.end()
        return _QUOTED_PAIR.sub(r"\1", _FOLD.sub("", match[1]))

    def _skip(self) -> None:
        """[CFWS]: white space and comments, these in one another as deep as they are."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._peek() != "(":
                return
            depth = 0
            for edge in _COMMENT_EDGE.finditer(self._text, self._at):
                depth += {"(": 1, ")": -1}.get(edge[0], 0)
                if depth == 0:
                    self._at = edge.end()
                    break
            else:
                raise _BadField


_SPACE: Final = re.compile(r"[ \t\r\n]*")
_COMMENT_EDGE: Final = re.compile(r"[()]|\\.", re.DOTALL)
_WORD: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*)")
_DIGITS: Final = re.compile(r"[0-9]{1,9}(?![0-9])")
_QUOTED: Final = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_FOLD: Final = re.compile(r"[\r\n]+(?=[ \t])")
_BARE: Final = re.compile(r'[^\x00-\x20"(),;<>\[\]\\\x7f]+')

"""The tokens of RFC 3501 9, read from one command that is already here whole. Nothing here ever waits for bytes.

Each method reads one thing at the place reached and moves on, or raises ImapError. Every repetition is bounded by
`limits`. The ABNF stands above each pattern.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from mail.imap import names
from mail.imap.dates import InternalDate, parse_date_time
from mail.imap.errors import ImapError
from mail.imap.limits import Limits
from mail.imap.seqset import NUMBER_MAX, SAVED, PartialRange, SequenceSet

# ATOM-CHAR = any CHAR except "(" / ")" / "{" / SP / CTL / "%" / "*" / DQUOTE / "\" / "]"
_ATOM = re.compile(rb"[!#$&'+-\[^-z|}~]+")
# ASTRING-CHAR = ATOM-CHAR / "]"
_ASTRING = re.compile(rb"[!#$&'+-\[\]^-z|}~]+")
# list-char = ATOM-CHAR / "%" / "*" / "]"
_LIST_MAILBOX = re.compile(rb"[!#$%&'*+-\[\]^-z|}~]+")
# quoted = DQUOTE *QUOTED-CHAR DQUOTE ; octets above 127 are taken, as clients send them in passwords and searches
_QUOTED = re.compile(rb'"([^"\\\r\n\0]*(?:\\["\\][^"\\\r\n\0]*)*)"')
_ESCAPE = re.compile(rb'\\(["\\])')
# literal = "{" number "}" CRLF *CHAR8 ; RFC 7888: ["+"] ; the machine has cut the command after the "}"
_LITERAL = re.compile(rb"\{[0-9]+\+?\}\Z")
# literal8 = "~{" number ["+"] "}" CRLF *OCTET (RFC 4466 6)
_LITERAL8 = re.compile(rb"~\{[0-9]+\+?\}\Z")
_NUMBER = re.compile(rb"[0-9]{1,10}")
# number64 = 1*DIGIT ; unsigned, 63 bits (RFC 9051 9), as mod-sequence-valzer is (RFC 7162 7)
_NUMBER64 = re.compile(rb"[0-9]{1,19}")
# sequence-set =/ "$" (RFC 5182 3)
_SEQUENCE_SET = re.compile(rb"[0-9*:,]+|\$")
# uid-set (RFC 4315 4): no "*"
_UID_SET = re.compile(rb"[0-9:,]+")
# partial-range (RFC 9394 4)
_PARTIAL_RANGE = re.compile(rb"([1-9][0-9]{0,9}):([1-9][0-9]{0,9})|(-[1-9][0-9]{0,9}):(-[1-9][0-9]{0,9})")
# flag = "\" atom / atom
_FLAG = re.compile(rb"\\?[!#$&'+-\[^-z|}~]+")
_DATE_TIME = re.compile(rb'"([^"]*)"')

NUMBER64_MAX = 9_223_372_036_854_775_807

# RFC 3501 2.3.2, without \Recent, which a client can neither set nor send.
_SYSTEM_FLAGS = {flag.upper().encode(): flag for flag in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")}

_SHORT_SET_BYTES = 5  # `1:*` above all; three ranges at most, which no limit forbids


@lru_cache(maxsize=1024)
def _short_set(text: bytes) -> SequenceSet:
    return SAVED if text == b"$" else SequenceSet.parse(text)


T = TypeVar("T")


class Reader:
    """A command's lines, cut where its literals stand, and the literals."""

    __slots__ = ("_line", "_lines", "_literals", "limits", "pos", "text", "utf8")

    def __init__(
        self, lines: Sequence[bytes], literals: Sequence[bytes], limits: Limits, pos: int = 0, *, utf8: bool = False
    ) -> None:
        self.text = lines[0]
        self.pos = pos
        self.limits = limits
        self.utf8 = utf8
        self._line = 0
        self._lines = lines
        self._literals = literals

    # The smallest pieces

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """What `pattern` finds here, moving past it; None, not moving, if nothing."""
        found = pattern.match(self.text, self.pos)
        if found is not None:
            self.pos = found.end()
        return found

    def need(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        found = pattern.match(self.text, self.pos)
        if found is None:
            raise ImapError(f"Expected {what}")
        self.pos = found.end()
        return found[0]

    def peek(self, octet: bytes) -> bool:
        return self.text.startswith(octet, self.pos)

    def take(self, octets: bytes) -> bool:
        """Move past `octets` if they stand here."""
        if not self.text.startswith(octets, self.pos):
            return False
        self.pos += len(octets)
        return True

    def expect(self, octets: bytes) -> None:
        if not self.take(octets):
            raise ImapError(f"Expected {octets.decode()!r}")

    def sp(self) -> None:
        if not self.text.startswith(b" ", self.pos):  # not through `take`: each command comes here several times
            raise ImapError("Expected a space and more")
        self.pos += 1

    def end(self) -> None:
        if self.pos != len(self.text):
            raise ImapError("There is more than this command takes")

    # Strings

    def word(self) -> bytes:
        """An atom in capitals: a name of the protocol."""
        return self.need(_ATOM, "a word").upper()

    def astring(self) -> bytes:
        """astring = 1*ASTRING-CHAR / string"""
        found = self.match(_ASTRING)
        return found[0] if found is not None else self.string()

    def string(self) -> bytes:
        """string = quoted / literal"""
        if self.peek(b'"'):
            found = self.match(_QUOTED)
            if found is None:
                raise ImapError("A quoted string is open or holds what it must not")
            if self.utf8 and not _is_utf8(found[1]):  # RFC 6855 3
                raise ImapError("A quoted string is not UTF-8")
            return _ESCAPE.sub(rb"\1", found[1])
        return self.literal()

    def nstring(self) -> bytes | None:
        """nstring = string / nil"""
        if self.text[self.pos : self.pos + 3].upper() == b"NIL":
            self.pos += 3
            return None
        return self.string()

    def literal(self) -> bytes:
        literal = self._octets(_LITERAL, "a string")
        if b"\0" in literal:
            raise ImapError("A literal must not hold NUL (RFC 3501 9, CHAR8)")
        return literal

    def literal8(self) -> bytes:
        """literal8: any octets, NUL too (RFC 3516 7)."""
        return self._octets(_LITERAL8, "a binary literal (RFC 3516)")

    def data(self) -> bytes:
        """literal / literal8"""
        return self.literal8() if self.peek(b"~") else self.literal()

    def nstring8(self) -> bytes | None:
        """nstring / literal8"""
        return self.literal8() if self.peek(b"~") else self.nstring()

    def _octets(self, head: re.Pattern[bytes], what: str) -> bytes:
        """The literal whose head stands here: the rest of the command is the next line."""
        if self.match(head) is None or self._line >= len(self._literals):
            raise ImapError(f"Expected {what}")
        octets = self._literals[self._line]
        self._line += 1
        self.text = self._lines[self._line]
        self.pos = 0
        return octets

    # Values

    def number(self) -> int:
        value = int(self.need(_NUMBER, "a number"))
        if value > NUMBER_MAX:
            raise ImapError("A number has 32 bits (RFC 3501 9)")
        return value

    def nz_number(self) -> int:
        value = self.number()
        if not value:
            raise ImapError("This number is never 0 (RFC 3501 9, nz-number)")
        return value

    def number64(self) -> int:
        """number64: 63 bits (RFC 9051 9)."""
        value = int(self.need(_NUMBER64, "a number"))
        if value > NUMBER64_MAX:
            raise ImapError("A number has 63 bits here (RFC 9051 9, number64)")
        return value

    def mod_sequence(self, *, zero: bool = False) -> int:
        """mod-sequence-value; with `zero` mod-sequence-valzer."""
        value = int(self.need(_NUMBER64, "a mod-sequence"))
        if value > NUMBER64_MAX or not (value or zero):
            raise ImapError("This is no mod-sequence (RFC 7162 7)")
        return value

    def sequence_set(self) -> SequenceSet:
        text = self.need(_SEQUENCE_SET, "a set of messages")
        if len(text) <= _SHORT_SET_BYTES:
            return _short_set(text)
        return SequenceSet.parse(text, self.limits.ranges_max)

    def uid_set(self) -> SequenceSet:
        """A set without `*`."""
        return SequenceSet.parse(self.need(_UID_SET, "a set of numbers"), self.limits.ranges_max)

    def partial_range(self) -> PartialRange:
        found = self.match(_PARTIAL_RANGE)
        if found is None:
            raise ImapError("Expected a range such as 1:500 or -1:-500 (RFC 9394 4)")
        first, last = int(found[1] or found[3]), int(found[2] or found[4])
        if max(abs(first), abs(last)) > NUMBER_MAX:
            raise ImapError("A number has 32 bits (RFC 3501 9)")
        return PartialRange(first, last)

    def mailbox(self) -> str:
        """mailbox = "INBOX" / astring"""
        return names.decode(self._name(self.astring()), utf8=self.utf8)

    def reference(self) -> str:
        return names.decode_pattern(self._name(self.astring()), utf8=self.utf8)

    def list_mailbox(self) -> str:
        """list-mailbox = 1*list-char / string"""
        found = self.match(_LIST_MAILBOX)
        return names.decode_pattern(self._name(found[0] if found is not None else self.string()), utf8=self.utf8)

    def _name(self, wire: bytes) -> bytes:
        if len(wire) > self.limits.name_max_bytes:
            raise ImapError("The mailbox name is too long", status=b"NO", code=b"LIMIT")
        return wire

    def date_time(self) -> InternalDate:
        return parse_date_time(self.need(_DATE_TIME, "a date and time in quotes")[1:-1])

    def flag(self) -> str:
        """flag, spelled as in RFC 3501 2.3.2. Of those with a backslash only the ones that a client may set."""
        text = self.need(_FLAG, "a flag")
        if text[:1] != b"\\":
            return text.decode("ascii")
        flag = _SYSTEM_FLAGS.get(text.upper())
        if flag is None:
            raise ImapError("This system flag cannot be set (RFC 3501 2.3.2)")
        return flag

    def flag_list(self) -> tuple[str, ...]:
        """flag-list = "(" [flag *(SP flag)] ")" """
        return tuple(dict.fromkeys(self.parenthesized(Reader.flag, empty=True)))

    def parenthesized(self, item: "Callable[[Reader], T]", *, empty: bool = False) -> list[T]:
        """`(` items with one space between them `)`; none at all only if `empty`."""
        self.expect(b"(")
        if empty and self.take(b")"):
            return []
        found = self.spaced(item)
        self.expect(b")")
        return found

    def spaced(self, item: "Callable[[Reader], T]") -> list[T]:
        """One item or more, with one space between them."""
        found = [item(self)]
        while self.take(b" "):
            if len(found) >= self.limits.items_max:
                raise ImapError(f"More than {self.limits.items_max} members in a list", code=b"LIMIT")
            found.append(item(self))
        return found


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True

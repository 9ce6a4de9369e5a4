"""The words of IMAP's grammar (RFC 9051 9), read from one response.

The law: one space is one space, and what the grammar does not have is an AssertionError that shows where it stands.
"""

import re
from collections.abc import Callable
from typing import Final, TypeVar

from imapclient import imap_utf7

T = TypeVar("T")

NUMBER_MAX: Final = (1 << 32) - 1
NUMBER64_MAX: Final = (1 << 63) - 1
_SHOWN: Final = 80
_ATOM: Final = re.compile(rb'[^\x00-\x20(){%*"\\\]\x7f-\xff]+')  # 1*ATOM-CHAR
_ASTRING: Final = re.compile(rb'[^\x00-\x20(){%*"\\\x7f-\xff]+')  # 1*ASTRING-CHAR: "]" as well
_QUOTED: Final = re.compile(rb'"((?:[\x01-\x09\x0b\x0c\x0e-!#-\[\]-\x7f]|\\["\\])*)"')
_QUOTED_UTF8: Final = re.compile(rb'"((?:[^\x00\r\n"\\]|\\["\\])*)"')
_LITERAL: Final = re.compile(rb"\{([0-9]+)\}\r\n")
_LITERAL8: Final = re.compile(rb"~\{([0-9]+)\}\r\n")
_DIGITS: Final = re.compile(rb"[0-9]+")
_UID_SET: Final = re.compile(rb"[1-9][0-9]*(?::[1-9][0-9]*)?(?:,[1-9][0-9]*(?::[1-9][0-9]*)?)*")
_FLAG: Final = re.compile(rb'\\?[^\x00-\x20(){%*"\\\]\x7f-\xff]+')


class Cursor:
    """A place in a response. `utf8`: the client has enabled UTF-8 (RFC 6855, RFC 9051)."""

    def __init__(self, text: bytes, *, utf8: bool = False) -> None:
        self.text = text
        self.at = 0
        self.utf8 = utf8

    def wrong(self, wanted: str) -> AssertionError:
        """What to raise here."""
        seen = self.text[max(0, self.at - _SHOWN) : self.at] + b" >>> " + self.text[self.at : self.at + _SHOWN]
        return AssertionError(f"expected {wanted} at >>> in {seen!r}")

    def peek(self, word: bytes) -> bool:
        """Whether this stands here."""
        return self.text.startswith(word, self.at)

    def take(self, word: bytes) -> bool:
        """Whether this stood here; then it is passed."""
        if not self.peek(word):
            return False
        self.at += len(word)
        return True

    def expect(self, word: bytes) -> None:
        """This, exactly."""
        if not self.take(word):
            raise self.wrong(repr(word))

    def sp(self) -> None:
        """One space."""
        self.expect(b" ")

    def end(self) -> None:
        """Nothing more but the end of the line."""
        self.expect(b"\r\n")
        if self.at != len(self.text):
            raise self.wrong("the end")

    def match(self, pattern: "re.Pattern[bytes]", wanted: str) -> "re.Match[bytes]":
        """What a pattern finds here."""
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self.wrong(wanted)
        self.at = found.end()
        return found

    def atom(self) -> bytes:
        """atom"""
        return self.match(_ATOM, "an atom")[0]

    def number(self, least: int = 0, most: int = NUMBER_MAX) -> int:
        """number; nz-number from `least` 1 on. Neither has a zero in front."""
        digits = self.match(_DIGITS, "a number")[0]
        value = int(digits)
        if not least <= value <= most or (digits != b"0" and digits.startswith(b"0")):
            raise AssertionError(f"{digits!r} is no number from {least} to {most}")
        return value

    def number64(self, least: int = 0) -> int:
        """number64"""
        return self.number(least, NUMBER64_MAX)

    def uid_set(self) -> list[int]:
        """uid-set, or a sequence-set without `*` and `$`: the numbers, in its order."""
        found: list[int] = []
        for part in self.match(_UID_SET, "a set")[0].split(b","):
            first, _, last = part.partition(b":")
            low, high = sorted((int(first), int(last or first)))
            assert high <= NUMBER_MAX, part
            assert high - low < 1_000_000, part  # a client that believes it would hold them all
            found += range(low, high + 1)
        return found

    def quoted(self) -> bytes:
        """quoted"""
        found = self.match(_QUOTED_UTF8 if self.utf8 else _QUOTED, "a quoted string")
        if self.utf8:
            found[1].decode()  # valid UTF-8, or UnicodeDecodeError
        return re.sub(rb"\\(.)", rb"\1", found[1])

    def string(self) -> bytes:
        """quoted / literal"""
        if self.peek(b'"'):
            return self.quoted()
        value = self._octets(self.match(_LITERAL, "a string"))
        if b"\0" in value:
            raise AssertionError("NUL in a literal")
        return value

    def literal8(self) -> bytes:
        """literal8 (RFC 3516)"""
        return self._octets(self.match(_LITERAL8, "a literal8"))

    def nil(self) -> bool:
        """Whether NIL stood here, alone."""
        after = self.text[self.at + 3 : self.at + 4]
        return self.text[self.at : self.at + 3] == b"NIL" and after in b" )\r" and self.take(b"NIL")

    def nstring(self) -> bytes | None:
        """nstring"""
        return None if self.nil() else self.string()

    def nstring8(self) -> bytes | None:
        """nstring / literal8"""
        return self.literal8() if self.peek(b"~{") else self.nstring()

    def astring(self) -> bytes:
        """astring"""
        return self.string() if self.peek(b'"') or self.peek(b"{") else self.match(_ASTRING, "an astring")[0]

    def mailbox(self) -> str:
        """mailbox: in modified UTF-7 as it has to be (RFC 3501 5.1.3), or in UTF-8 where that is enabled."""
        raw = self.astring()
        if self.utf8:
            return raw.decode()
        raw.decode("ascii")
        name = str(imap_utf7.decode(raw))
        assert imap_utf7.encode(name) == raw, f"{raw!r} is not modified UTF-7 as it should be"
        return name

    def flag(self) -> str:
        """flag, or one that only a server says (\\Recent)."""
        return self.match(_FLAG, "a flag")[0].decode("ascii")

    def listed(self, read: Callable[[], T], *, empty: bool = False) -> list[T]:
        """ "(" [one *(SP one)] ")" """
        self.expect(b"(")
        if empty and self.take(b")"):
            return []
        found = [read()]
        while self.take(b" "):
            found.append(read())
        self.expect(b")")
        return found

    def more(self, read: Callable[[], T]) -> list[T]:
        """*(SP one)"""
        found: list[T] = []
        while self.take(b" "):
            found.append(read())
        return found

    def _octets(self, head: "re.Match[bytes]") -> bytes:
        size = int(head[1])
        value = self.text[self.at : self.at + size]
        if len(value) != size:
            raise self.wrong(f"{size} octets")
        self.at += size
        return value

"""Tag lists (RFC 6376 3.2), as in DKIM-Signature, key records and the fields of ARC.

The law: strict. A list that breaks the grammar or names a tag twice is no list at all; what one reader would take and
another would not is never signed for. Values may hold UTF-8 (RFC 8616 3).
"""

import base64
import binascii
import re
from typing import Final, NamedTuple

# tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
_SPEC: Final = re.compile(rb"[ \t\r\n]*([A-Za-z][A-Za-z0-9_]*)[ \t\r\n]*=([^;]*)")
_WHITE: Final = re.compile(rb"[ \t\r\n]+")
_STRAY: Final = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_NUMBER: Final = re.compile(rb"[0-9]{1,76}")

TAGS_MAX: Final = 64  # RFC 6376 names 14; each costs a microsecond


class BadTags(ValueError):
    """Not what the grammar allows; the text says what, in words for a log."""


class Tag(NamedTuple):
    """A value without white space around it, and the place of the whole value in the list."""

    value: bytes
    start: int
    end: int


class Tags(dict[str, Tag]):
    """A list by name, in order. What a reader asks of it raises BadTags where it is not what it must be."""

    def text(self, name: str, default: str | None = None) -> str:
        """A value as text; `default` None: it must be there."""
        if name not in self:
            if default is None:
                raise BadTags(f"{name}= is missing")
            return default
        try:
            return self[name].value.decode()
        except UnicodeDecodeError:
            raise BadTags(f"{name}= is not UTF-8") from None

    def number(self, name: str) -> int | None:
        """A value of digits; None where there is none."""
        if name not in self:
            return None
        if not _NUMBER.fullmatch(self[name].value):
            raise BadTags(f"{name}= is not a number")
        return int(self[name].value)

    def words(self, name: str, default: str) -> tuple[str, ...]:
        """A list that colons separate, without the white space about them, each in lower case."""
        return tuple(word.strip(" \t\r\n").lower() for word in self.text(name, default).split(":"))

    def binary(self, name: str) -> bytes:
        """What a value in base64 stands for; it must be there, with white space anywhere."""
        if name not in self:
            raise BadTags(f"{name}= is missing")
        value = _WHITE.sub(b"", self[name].value)
        try:
            if not _BASE64.fullmatch(value):
                raise BadTags(f"{name}= is not base64")
            return base64.b64decode(value)
        except binascii.Error:
            raise BadTags(f"{name}= is not base64") from None


def parse(text: bytes, start: int = 0) -> Tags:
    """The list that begins at `start`. Raises BadTags."""
    if not _is_clean(text[start:]):
        raise BadTags("there are control characters")
    end = len(text.rstrip(b" \t\r\n"))
    tags = Tags()
    place = start
    while True:  # ends: each turn goes on by a tag
        found = _SPEC.match(text, place)
        if found is None:
            raise BadTags("it is not a list of tags")
        name = found[1].decode()
        if name in tags:
            raise BadTags(f"{name}= is there twice")
        if len(tags) == TAGS_MAX:
            raise BadTags("there are too many tags")
        tags[name] = Tag(found[2].strip(b" \t\r\n"), found.start(2), found.end(2))
        place = found.end() + 1
        if place >= end:  # a semicolon after the last is allowed
            return tags


def _is_clean(text: bytes) -> bool:
    """No control characters, and no line ends but folds: FWS = [*WSP CRLF] 1*WSP. Those at the end do not count."""
    if len(text.translate(None, _STRAY)) != len(text):
        return False
    text = text.rstrip(b"\r\n")
    folds = text.count(b"\r\n ") + text.count(b"\r\n\t")
    return text.count(b"\r") == folds == text.count(b"\n")

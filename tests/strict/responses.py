"""One whole response as a value: what it is, its number or tag, and what it says.

The law: whatever is not a response of RFC 9051 9, of RFC 3501 9 or of an extension is an AssertionError.
"""

import re
from typing import Any, Final, NamedTuple

from tests.strict import fetching
from tests.strict.codes import code
from tests.strict.cursor import Cursor
from tests.strict.data import DATA

_TEXT: Final = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]+")  # 1*TEXT-CHAR
_TEXT_UTF8: Final = re.compile(rb"[^\x00\r\n]+")
_TAG: Final = re.compile(rb'[^\x00-\x20(){%*"\\+\x7f-\xff]+')  # 1*<any ASTRING-CHAR except "+">
_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\r\n")
_STATUS: Final = frozenset({"OK", "NO", "BAD", "BYE", "PREAUTH"})
_NUMBERED: Final = frozenset({"EXISTS", "RECENT", "EXPUNGE", "FETCH", "UIDFETCH"})


class Response(NamedTuple):
    """`kind` is the word of it, or `+`. `tag`: of a tagged one. `code`: a status response's, with what it says."""

    kind: str
    tag: bytes = b""
    number: int = 0
    code: tuple[str, Any] | None = None
    data: Any = None


def read(text: bytes, *, utf8: bool = False) -> Response:
    """One whole response, with its CRLF."""
    cursor = Cursor(text, utf8=utf8)
    if cursor.take(b"+ "):
        if _BASE64.fullmatch(text, cursor.at) is None:
            _text(cursor)
            cursor.end()
        return Response("+")
    if not cursor.take(b"* "):
        tag = cursor.match(_TAG, "a tag")[0]
        cursor.sp()
        word = cursor.atom().decode("ascii")
        assert word in ("OK", "NO", "BAD"), f"no tagged response: {text[:200]!r}"
        return _state(cursor, word)._replace(tag=tag)
    response = _untagged(cursor)
    if response.kind not in _STATUS:
        cursor.end()
    return response


def _untagged(cursor: Cursor) -> Response:
    if cursor.text[cursor.at : cursor.at + 1].isdigit():
        number = cursor.number()
        cursor.sp()
        return _numbered(cursor, number)
    word = cursor.atom().decode("ascii")
    if word in _STATUS:
        return _state(cursor, word)
    assert word in DATA, f"unknown response {cursor.text[:200]!r}"
    return Response(word, data=DATA[word](cursor))


def _numbered(cursor: Cursor, number: int) -> Response:
    word = cursor.atom().decode("ascii")
    assert word in _NUMBERED, f"unknown response {cursor.text[:200]!r}"
    assert number or word in ("EXISTS", "RECENT"), cursor.text[:200]
    if not word.endswith("FETCH"):
        return Response(word, number=number)
    cursor.sp()
    return Response(word, number=number, data=fetching.message(cursor))


def _state(cursor: Cursor, word: str) -> Response:
    """resp-cond-state and its like: SP ["[" resp-text-code "]" SP] text"""
    cursor.sp()
    found = None
    if cursor.take(b"["):
        found = code(cursor)
        cursor.expect(b"]")
        cursor.sp()
    text = _text(cursor)
    cursor.end()
    return Response(word, code=found, data=text)


def _text(cursor: Cursor) -> bytes:
    return cursor.match(_TEXT_UTF8 if cursor.utf8 else _TEXT, "text for people")[0]

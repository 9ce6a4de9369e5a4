"""What a FETCH response says of one message (RFC 9051 9, msg-att), with the items of extensions.

The law: an item is said once, and its value is of the form that is its own.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from tests.hostile.response import check_envelope, check_structure, value_at
from tests.strict.codes import object_id
from tests.strict.cursor import Cursor

# date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
_DATE_TIME: Final = re.compile(
    rb'"(?: [1-9]|[0-3][0-9])-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-[0-9]{4} '
    rb'(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60) [+-][0-9]{4}"'
)
_NAME: Final = re.compile(rb"[A-Z0-9.]+")
_PART: Final = rb"[1-9][0-9]*(?:\.[1-9][0-9]*)*"
_SECTION_BINARY: Final = re.compile(rb"\[(?:%b)?\]" % _PART)
_SECTION_HEAD: Final = re.compile(rb"\[(%b)?(\.?)(HEADER\.FIELDS(?:\.NOT)? |HEADER|TEXT|MIME)?" % _PART)
_ORIGIN: Final = re.compile(rb"<[0-9]+>")
PREVIEW_MAX: Final = 256  # characters (RFC 8970 3.1)


def message(cursor: Cursor) -> dict[str, Any]:
    """msg-att: items by their names; of sections with what is in the brackets."""
    found: dict[str, Any] = {}

    def item() -> None:
        start = cursor.at
        name = cursor.match(_NAME, "an item")[0].decode()
        if cursor.peek(b"["):
            read = _SECTIONS.get(name)
            label_end = _section(cursor) if name == "BODY" else cursor.match(_SECTION_BINARY, "a part").end()
            if name != "BINARY.SIZE" and cursor.peek(b"<"):
                label_end = cursor.match(_ORIGIN, "an origin").end()
            name = cursor.text[start:label_end].decode("latin-1")
        else:
            read = _ITEMS.get(name)
        assert read is not None, f"unknown item {name}"
        assert name not in found, f"{name} is said twice"
        cursor.sp()
        found[name] = read(cursor)

    cursor.listed(item)
    return found


def _section(cursor: Cursor) -> int:
    """section = "[" [section-spec] "]": where it ends."""
    head = cursor.match(_SECTION_HEAD, "a section")
    part, dot, words = head.groups()
    well_formed = bool(dot) is (part is not None and words is not None) and (words != b"MIME" or part is not None)
    assert well_formed, f"no section: {head[0]!r}"
    if words is not None and words.endswith(b" "):
        cursor.listed(cursor.astring)
    cursor.expect(b"]")
    return cursor.at


def _date_time(cursor: Cursor) -> bytes:
    return cursor.match(_DATE_TIME, "a date and time")[0]


def _mod_sequence(cursor: Cursor) -> int:
    """fetch-mod-resp (RFC 7162 7)"""
    cursor.expect(b"(")
    found = cursor.number64(1)
    cursor.expect(b")")
    return found


def _preview(cursor: Cursor) -> bytes | None:
    text = cursor.nstring()
    assert text is None or len(text.decode()) <= PREVIEW_MAX
    return text


def _value(check: Callable[[Any], None]) -> Callable[[Cursor], Any]:
    def read(cursor: Cursor) -> Any:
        value, cursor.at = value_at(cursor.text, cursor.at, utf8=cursor.utf8)
        check(value)
        return value

    return read


def structure(cursor: Cursor) -> Any:
    """body, with its extension data."""
    return _value(check_structure)(cursor)


def _plain_structure(value: Any) -> None:
    check_structure(value, extended=False)


_ITEMS: Final[dict[str, Callable[[Cursor], Any]]] = {
    "FLAGS": lambda cursor: cursor.listed(cursor.flag, empty=True),
    "ENVELOPE": _value(check_envelope),
    "INTERNALDATE": _date_time,
    "RFC822": Cursor.nstring,
    "RFC822.HEADER": Cursor.nstring,
    "RFC822.TEXT": Cursor.nstring,
    "RFC822.SIZE": Cursor.number64,
    "BODY": _value(_plain_structure),
    "BODYSTRUCTURE": structure,
    "UID": lambda cursor: cursor.number(1),
    "MODSEQ": _mod_sequence,
    "SAVEDATE": lambda cursor: None if cursor.nil() else _date_time(cursor),
    "EMAILID": object_id,
    "THREADID": lambda cursor: None if cursor.nil() else object_id(cursor),
    "PREVIEW": _preview,
}
_SECTIONS: Final[dict[str, Callable[[Cursor], Any]]] = {
    "BODY": Cursor.nstring,
    "BINARY": Cursor.nstring8,
    "BINARY.SIZE": Cursor.number,
}

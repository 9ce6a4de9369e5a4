"""The header block of a message or part (RFC 5322 2.2): where it ends, its fields in order, their raw bytes.

The law: nothing here changes or decodes a byte of a value, except `unfold`, which says so. A line that is no
field is kept in the bytes and passed over, so that one broken line does not turn the rest into a body.
"""

import re
from collections.abc import Collection
from typing import Final, NamedTuple

from mail.message.limits import DEFAULT, Limits

# What the record, ENVELOPE (RFC 3501 7.4.2) and BODYSTRUCTURE are made of; all other fields are passed over.
WANTED: Final = frozenset(
    b"date subject from sender reply-to to cc bcc message-id in-reply-to references mime-version content-type"
    b" content-transfer-encoding content-id content-description content-disposition content-language"
    b" content-location content-md5".split()
)
# Fields whose repetitions are read as one list, so that no client sees other addresses than a check saw.
_LISTS: Final = frozenset(b"from sender reply-to to cc bcc".split())
REPEATED: Final = b""  # no field's name: is in what `wanted_fields` finds where a field is there more than once

_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
# A field begins at a line that does not begin with white space (RFC 5322 2.2.3).
_FIELD_BREAK: Final = re.compile(rb"\n(?![ \t])")
_FIELD: Final = re.compile(rb"([!-9;-~\x80-\xff]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*\n?)|[^\n]*+\n?")
_FOLD: Final = re.compile(rb"[\r\n]++(?=[ \t])")
# What mbox files and some gateways leave on top: no field, yet the header goes on after it.
_MBOX_LINE: Final = re.compile(rb">?From [^\n]*\n")
_FIRST_FIELD: Final = re.compile(rb"[!-9;-~\x80-\xff]++[ \t]*+:")


class Field(NamedTuple):
    """One field. Offsets are into the bytes given to `fields`; `end` is after its line end."""

    name: bytes
    start: int
    value_start: int
    end: int


def header_end(raw: bytes, start: int, end: int) -> int:
    """Offset of the body: after the blank line, or where a header without one stops."""
    if raw.startswith(b"\r\n", start, end):
        return start + 2
    if raw.startswith(b"\n", start, end):
        return start + 1
    mbox = _MBOX_LINE.match(raw, start, end)
    first = mbox.end() if mbox else start
    if first < end and raw[first] not in b"\r\n" and not _FIRST_FIELD.match(raw, first, end):
        return start  # a body alone
    if blank := _BLANK_LINE.search(raw, start, end):
        return blank.end()
    return _end_without_blank_line(raw, first, end)


def _end_without_blank_line(raw: bytes, start: int, end: int) -> int:
    """The separator is missing: the body begins at the first line that is no field."""
    for match in _FIELD.finditer(raw, start, end):
        if match[1] is None:
            return match.start()
    return end


def wanted_fields(raw: bytes, start: int, end: int, limits: Limits = DEFAULT) -> dict[bytes, bytes]:
    """Lower-case name -> raw value (still folded) of the fields in WANTED that are in raw[start:end].

    The first of several counts, but repeated address fields are joined with commas; REPEATED tells of it.
    """
    block = raw[start : min(end, start + limits.header_bytes_max)]
    found: dict[bytes, bytes] = {}
    for line in _FIELD_BREAK.split(block, limits.fields_max)[: limits.fields_max]:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name not in WANTED:
            name = name.rstrip(b" \t")  # obs-optional allows white space before the colon (RFC 5322 4.5.8)
            if name not in WANTED:
                continue
        if len(value) > limits.value_bytes_max:
            value = _cut(value, name, limits.value_bytes_max)
        if name not in found:
            found[name] = value
            continue
        found[REPEATED] = name
        if name in _LISTS and len(found[name]) < limits.value_bytes_max:
            found[name] += b"," + value
    return found


def _cut(value: bytes, name: bytes, bytes_max: int) -> bytes:
    """The begin of a value over its limit; of a list of addresses, only whole ones."""
    begin = value[:bytes_max]
    return begin.rpartition(b",")[0] or begin if name in _LISTS else begin


def fields(raw: bytes, start: int = 0, end: int | None = None, limits: Limits = DEFAULT) -> list[Field]:
    """All fields of the block raw[start:end] in order; lines that are no field are left out."""
    found: list[Field] = []
    for match in _FIELD.finditer(raw, start, len(raw) if end is None else end):
        if match[1] is not None:
            found.append(Field(match[1], match.start(), match.start(2), match.end()))
            if len(found) >= limits.fields_max:
                break
    return found


def unfold(value: bytes) -> bytes:
    """The value on one line (RFC 5322 2.2.3), without white space at both ends."""
    value = value.strip(b" \t\r\n")
    return _FOLD.sub(b"", value) if b"\n" in value or b"\r" in value else value


def values(raw: bytes, name: bytes, start: int = 0, end: int | None = None) -> list[bytes]:
    """The raw values of every field with this name (any case), in order."""
    name = name.lower()
    return [raw[f.value_start : f.end] for f in fields(raw, start, end) if f.name.lower() == name]


def header_fields_subset(raw_header: bytes, names: Collection[bytes], exclude: bool = False) -> bytes:
    """What BODY[HEADER.FIELDS (names)] sends, or HEADER.FIELDS.NOT if `exclude` (RFC 3501 6.4.5).

    The fields as they are, in their order, and the blank line that ends a header.
    """
    wanted = {name.lower() for name in names}
    kept = [
        match[0]
        for match in _FIELD.finditer(raw_header)
        if match[1] is not None and (match[1].lower() in wanted) is not exclude
    ]
    if kept and not kept[-1].endswith(b"\n"):
        kept.append(b"\r\n")
    return b"".join(kept) + b"\r\n"

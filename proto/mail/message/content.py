"""The texts of a message: transfer decoding (RFC 2045 6) by offsets, and the text that SEARCH compares.

The law: any bytes give some text, broken encodings as far as they go; what is not text is never decoded for
a search.
"""

import binascii
import re
from collections.abc import Iterator
from typing import Final

from mail.message.charset import decode, fold
from mail.message.html import plain_text
from mail.message.part import IDENTITY, Part
from mail.message.record import Address, Record
from mail.message.scan import scan
from mail.message.sorting import BCC, CC, FROM, TO, group_names
from mail.message.words import base64_bytes, charset_of, decode_words

_SPACE: Final = b" \t"
_SPACE_ENDS: Final = (b" \r\n", b"\t\r\n", b" \n", b"\t\n")
_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")
_FOREIGN: Final = re.compile(rb"[^A-Za-z0-9+/=]+")
_UU_BEGIN: Final = re.compile(rb"^begin [0-7]{3,4} [^\r\n]*\r?\n", re.MULTILINE)
_UU: Final = frozenset({"x-uuencode", "x-uue", "uuencode", "x-uu"})
ENCODINGS: Final = IDENTITY | _UU | {"base64", "quoted-printable"}  # what `content_of` undoes


def content_of(raw: bytes, part: Part) -> bytes:
    """The part's body with its transfer encoding undone; as it stands where the encoding is unknown."""
    return undone(raw[part.body : part.end], part.encoding)


def undone(data: bytes, encoding: str) -> bytes:
    """The same of a body by itself."""
    if encoding == "base64":
        return base64_bytes(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(_without_line_end_space(data))
    if encoding in _UU:
        return _uudecode(data)
    return data


def undone_pieces(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The same of a body that comes in pieces, in pieces: of base64 and quoted-printable as people write them a piece
    is held at a time. What comes behind padding, a line without an end, and uuencode are held whole."""
    if encoding == "base64":
        yield from _base64_pieces(pieces)
    elif encoding == "quoted-printable":
        yield from _lines_undone(pieces)
    elif encoding in _UU:
        yield _uudecode(b"".join(pieces))
    else:
        yield from pieces


def _base64_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    held = b""
    for piece in pieces:
        letters = _FOREIGN.sub(b"", piece)
        held += letters
        if b"=" in letters:  # the end, or what only all of it together can tell
            yield base64_bytes(held + b"".join(pieces))
            return
        whole = len(held) - len(held) % 4
        yield binascii.a2b_base64(held[:whole])
        held = held[whole:]
    yield base64_bytes(held)


def _lines_undone(pieces: Iterator[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    for piece in pieces:
        at = piece.rfind(b"\n") + 1
        if at:
            yield undone(b"".join((*held, piece[:at])), "quoted-printable")
            held.clear()
        held.append(piece[at:])
    yield undone(b"".join(held), "quoted-printable")


def _without_line_end_space(data: bytes) -> bytes:
    """White space at the end of a line was added on the way (RFC 2045 6.7 (3)). Most texts have none, which is found
    out seven times as fast as a pattern would go through them."""
    if data[-1:] not in _SPACE and not any(end in data for end in _SPACE_ENDS):
        return data
    *lines, last = data.split(b"\n")
    ends = [line[:-1].rstrip(_SPACE) + b"\r" if line[-1:] == b"\r" else line.rstrip(_SPACE) for line in lines]
    return b"\n".join([*ends, last.rstrip(_SPACE)])


def _uudecode(data: bytes) -> bytes:
    begin = _UU_BEGIN.search(data)
    if begin is None:
        return data
    out: list[bytes] = []
    for line in data[begin.end() :].splitlines():
        if line.strip() == b"end":
            break
        if line:
            out.append(_uudecode_line(line))
    return b"".join(out)


def _uudecode_line(line: bytes) -> bytes:
    """As many bytes as the line's count says, but never more than its characters hold."""
    held = (len(line) - 1) * 3 // 4
    length = 1 + (((line[0] - 32) & 63) * 4 + 2) // 3
    try:
        return binascii.a2b_uu(line[:length])[:held]
    except binascii.Error:
        return b""


def text_of(raw: bytes, part: Part) -> str:
    """The text of a text/* part."""
    return decode(content_of(raw, part), charset_of(part))


def header_text(raw: bytes, part: Part) -> str:
    """A part's header, unfolded and with its encoded words decoded."""
    return decode_words(_FOLD.sub(b"", raw[part.start : part.body]))


def search_text(raw: bytes, record: Record) -> str:
    """Folded text of all headers, text parts and parts of type message: what SEARCH TEXT looks in."""
    if record.is_plain:
        header = _FOLD.sub(b"", raw[: record.root.body])
        return (header + raw[record.root.body :]).decode("ascii").upper()
    return "\n".join([text for _in_body, text in searched(raw, record)])


def body_text(raw: bytes, record: Record) -> str:
    """Folded text of the text and message parts, and of the messages in the body: what SEARCH BODY looks in."""
    if record.is_plain:
        return raw[record.root.body :].decode("ascii").upper()
    return "\n".join([text for _in_body, text in searched(raw, record, with_headers=False)])


def field_texts(record: Record, field: str) -> list[str]:
    """What SEARCH FROM, TO, CC, BCC and SUBJECT look in, not folded yet: those strings of the ENVELOPE, decoded,
    so that names of groups are among them (RFC 3501 6.4.4, 7.4.2)."""
    match field:
        case "from":
            addresses, at = record.from_, FROM
        case "to":
            addresses, at = record.to, TO
        case "cc":
            addresses, at = record.cc, CC
        case "bcc":
            addresses, at = record.bcc, BCC
        case _:
            return [] if record.subject is None else [record.subject]
    return [*map(_shown, addresses), *group_names(record.envelope, at)]


def _shown(address: Address) -> str:
    """As people read it: `Name <address>`."""
    name, email = address
    return f"{name} <{email}>" if name else email


def searched(
    raw: bytes, record: Record, *, with_headers: bool = True, chars_max: int | None = None
) -> Iterator[tuple[bool, str]]:
    """The pieces of the above, folded, in order, and whether SEARCH BODY looks in each too.

    Each is folded by itself, so that what is found in a piece does not depend on the pieces before it. `chars_max`: so
    many characters of each are enough; folding may make eighteen of one, and never fewer.
    """
    if record.is_plain:
        if with_headers:
            yield False, _FOLD.sub(b"", raw[: record.root.body])[:chars_max].decode("ascii").upper()
        yield True, raw[record.root.body :][:chars_max].decode("ascii").upper()
        return
    for in_body, text in _texts(raw, record.root, is_root=True, with_headers=with_headers):
        yield in_body, fold(text[:chars_max])


def _texts(
    raw: bytes, part: Part, *, is_root: bool, with_headers: bool, opens: bool = True
) -> Iterator[tuple[bool, str]]:
    """The header of an encapsulated message is body text; those of parts are headers."""
    in_body = bool(part.envelope) and not is_root
    if with_headers or in_body:
        yield in_body, header_text(raw, part)
    yield from _below(raw, part, with_headers=with_headers, opens=opens)


def _below(raw: bytes, part: Part, *, with_headers: bool, opens: bool) -> Iterator[tuple[bool, str]]:
    """A part's own text, or those of what is in it. `opens`: messages that are encoded, as message/global may be
    (RFC 6532 3.7), are taken apart; one in another is searched as it stands, so that its depth costs nothing."""
    # RFC 3501 6.4.4 lets nobody pass over reports and the like (message/delivery-status).
    if part.type == "text" or (part.type == "message" and not part.children):
        text = text_of(raw, part)
        yield True, text
        if part.subtype == "html":  # as it is read too: words may have tags in them, and characters by their names
            yield True, plain_text(text, len(text), quotes=True)
    elif part.type == "message" and part.encoding not in IDENTITY and opens:
        inner = content_of(raw, part)
        root = scan(inner)
        yield True, header_text(inner, root)
        yield from _below(inner, root, with_headers=with_headers, opens=False)
    else:
        for child in part.children:
            yield from _texts(raw, child, is_root=False, with_headers=with_headers, opens=opens)

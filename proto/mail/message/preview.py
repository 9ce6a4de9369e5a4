"""PREVIEW (RFC 8970): the begin of what a message says, as plain text.

The law: any bytes give at most PREVIEW_CHARS_MAX characters, in time linear in the few kB that are read of a part;
nothing encrypted and no attachment is shown, and where nothing can be said the text is empty.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from mail.message.charset import decode
from mail.message.content import ENCODINGS, content_of
from mail.message.html import plain_text
from mail.message.part import Part
from mail.message.record import Record
from mail.message.words import charset_of

PREVIEW_CHARS_MAX: Final = 200  # RFC 8970 3.3: SHOULD be the limit, and 256 MUST
PLAIN_BYTES_MAX: Final = 8 * 1024  # as transferred: 200 characters are found behind long quotes too
HTML_BYTES_MAX: Final = 32 * 1024  # newsletters begin with more than 16 kB of styles
PARTS_MAX: Final = 4  # texts that turned out to say nothing, before it is given up

_ENCRYPTED: Final = "encrypted"  # multipart/encrypted (RFC 1847 2.2); S/MIME is no text anyway
_PGP_MESSAGE: Final = "-----BEGIN PGP MESSAGE-----"  # RFC 4880 6.2, within a text (7 has the signed one)
_PGP_SIGNED: Final = "-----BEGIN PGP SIGNED MESSAGE-----"
_PGP_SIGNATURE: Final = "-----BEGIN PGP SIGNATURE-----"
_SIGNATURE: Final = "-- "  # RFC 3676 4.3
_CUT_CHARACTER: Final = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")  # the last one of UTF-8, where it may be cut
# Controls, and marks that turn the direction of what stands beside the preview.
_UNSEEMLY: Final = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]+")
# Characters without a width; newsletters fill lines with them so that a preview ends.
_INVISIBLE: Final = "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"


def preview(raw: bytes, record: Record) -> str:
    """The text of FETCH PREVIEW; "" where there is none."""
    for part in islice(_texts(record.root), PARTS_MAX):
        text = _of_html(raw, part) if part.subtype == "html" else _of_plain(raw, part)
        if text:
            return text
    return ""


def _texts(part: Part) -> Iterator[Part]:
    """The parts that a reader would be shown, the best first."""
    if part.type == "text":
        if part.subtype in ("plain", "html") and part.disposition != "attachment" and part.encoding in ENCODINGS:
            yield part
    elif part.is_multipart and part.subtype != _ENCRYPTED:
        found = (text for child in part.children for text in _texts(child))
        if part.subtype == "alternative":
            yield from sorted(found, key=lambda text: text.subtype != "plain")
        else:
            yield from found


def _begin(raw: bytes, part: Part, bytes_max: int) -> str:
    """The text of the part's first `bytes_max` bytes; whole lines and characters, where the limit cuts."""
    charset = charset_of(part)
    limit = part.body + bytes_max
    if part.end <= limit:
        return decode(content_of(raw, part), charset)
    data = content_of(raw, msgspec.structs.replace(part, end=raw.rfind(b"\n", part.body, limit) + 1 or limit))
    return decode(_CUT_CHARACTER.sub(b"", data), charset).rstrip("\ufffd")


def _of_html(raw: bytes, part: Part) -> str:
    return _tidy(plain_text(_begin(raw, part, HTML_BYTES_MAX), 2 * PREVIEW_CHARS_MAX))


def _of_plain(raw: bytes, part: Part) -> str:
    """Without quoted lines, unless there are no others, and without the signature."""
    text = _begin(raw, part, PLAIN_BYTES_MAX).lstrip()
    if text.startswith(_PGP_MESSAGE):
        return ""
    lines = text.splitlines()
    if text.startswith(_PGP_SIGNED):  # its headers end with an empty line (RFC 4880 7)
        lines = lines[next((at for at, line in enumerate(lines) if not line.strip()), 0) + 1 :]
    own: list[str] = []
    quoted: list[str] = []
    for line in lines:
        if line == _SIGNATURE or line.startswith(_PGP_SIGNATURE):
            break
        if line.startswith(">"):
            quoted.append(line.lstrip("> "))
        else:
            own.append(line)
    return _tidy(" ".join(own)) or _tidy(" ".join(quoted))


def _tidy(text: str) -> str:
    """One line of at most PREVIEW_CHARS_MAX characters."""
    words = [word for word in text.split() if word.strip(_INVISIBLE)]
    line = _UNSEEMLY.sub("", " ".join(words)[: 2 * PREVIEW_CHARS_MAX])
    return " ".join(line.split()).lstrip(_INVISIBLE + " ")[:PREVIEW_CHARS_MAX].rstrip()

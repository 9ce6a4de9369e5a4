"""bodyValues (RFC 8621 4.1.4): the texts of a message as they are shown.

The law: a value is at most as many octets as were asked for, valid UTF-8, and ends before an HTML tag that would not
be whole; any bytes give a value.
"""

import re
from typing import Final

import msgspec

from mail.message.charset import NO_ASCII, codec_of, decode
from mail.message.content import ENCODINGS
from mail.message.header import values
from mail.message.part import Part
from mail.message.words import charset_of

# A tag to its end; the last group is empty where the text ends within it. A quote counts only after "=".
_TAG: Final = re.compile(
    r"<(?:!--.*?(?:(-->)|\Z)"
    r"""|[/!?a-zA-Z](?:[^>=]++|=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))?)*(>)?)""",
    re.DOTALL,
)


class EmailBodyValue(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """RFC 8621 4.1.4."""

    value: str
    is_encoding_problem: bool = False
    is_truncated: bool = False


def body_value(raw: bytes, part: Part, content: bytes, bytes_max: int = 0) -> EmailBodyValue:
    """The text of a text/* part, at most `bytes_max` octets of UTF-8 unless that is 0; `content` is `content_of` it."""
    text, is_problem = _text(raw, part, content)
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    if bytes_max and len(text) * 4 > bytes_max:
        cut = truncated(text, bytes_max, is_html=part.subtype == "html")
        return EmailBodyValue(cut, is_problem, len(cut) < len(text))
    return EmailBodyValue(text, is_problem)


def _text(raw: bytes, part: Part, data: bytes) -> tuple[str, bool]:
    """The text, and whether bytes or encodings in it were none."""
    charset = charset_of(part)
    codec = codec_of(charset)
    unknown = part.encoding not in ENCODINGS or codec is None
    if not codec:
        if data.isascii():
            return data.decode("ascii"), unknown
        # A charset that nobody gave may be UTF-8 without being a problem; one that was given is not what it says.
        is_given = any(name in (b"charset", b"charset*") for name, _ in part.parameters)
        is_given = is_given and bool(values(raw, b"content-type", part.start, part.body))
        return decode(data, charset), unknown or is_given or not _is_utf8(data)
    try:
        text = data.decode(codec)
    except UnicodeError:
        return decode(data, charset), True
    if codec in NO_ASCII or codec.startswith("utf-"):  # they may give what is no character
        return decode(data, charset), unknown
    return text, unknown


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def truncated(text: str, bytes_max: int, *, is_html: bool) -> str:
    """The begin of a text in at most `bytes_max` octets: whole characters, and whole tags (4.2)."""
    data = text[:bytes_max].encode()
    if len(data) <= bytes_max and len(text) <= bytes_max:
        return text
    cut = data[:bytes_max].decode("utf-8", "ignore")
    if is_html:
        for tag in _TAG.finditer(cut):
            if tag.end() == len(cut) and not (tag[1] or tag[2]):
                return cut[: tag.start()]
        if cut.endswith("<"):
            return cut[:-1]
    return cut

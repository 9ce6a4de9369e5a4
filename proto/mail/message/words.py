"""Encoded words (RFC 2047) and encoded parameters (RFC 2231): header bytes to text.

The law: never raises, linear time; what is no valid encoded word is left as it stands.
"""

import binascii
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from mail.message.charset import codec_of, decode, guess
from mail.message.header import unfold
from mail.message.part import Parameters, Part

# encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?=" (RFC 2047 2, RFC 2231 5).
# Spaces in the text are against the rule and common.
_WORD: Final = re.compile(rb"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,60})?\?([bBqQ])\?([^?]*+)\?=")
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]+")
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f]+")


def decode_words(value: bytes) -> str:
    """Text of an unstructured value, folded or not. Bytes outside encoded words are UTF-8, else windows-1252."""
    value = unfold(value)
    if b"=?" not in value:
        return guess(value)
    out: list[str] = []
    run: list[bytes] = []  # adjacent words of one charset: a character may be split over them
    charset = ""
    position = 0
    for match in _WORD.finditer(value):
        name = match[1].decode("ascii", "replace").lower()
        if codec_of(name) is None:
            continue  # left as it stands (RFC 2047 6.2)
        between = value[position : match.start()]
        if between.strip() or not run:  # only white space between two words is not shown (RFC 2047 6.2)
            out += decode(b"".join(run), charset), guess(between)
            run = []
        elif name != charset:
            out.append(decode(b"".join(run), charset))
            run = []
        charset = name
        run.append(_q(match[3]) if match[2] in b"qQ" else base64_bytes(match[3]))
        position = match.end()
    out += decode(b"".join(run), charset), guess(value[position:])
    return "".join(out)


def base64_bytes(data: bytes) -> bytes:
    """Base64 as far as it goes: foreign bytes are passed over (RFC 2045 6.8), padding may be missing."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        data = _NOT_BASE64.sub(b"", data)
        if len(data) % 4 == 1:
            data = data[:-1]
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))


def _q(data: bytes) -> bytes:
    return binascii.a2b_qp(data, header=True)  # "_" is a space (RFC 2047 4.2)


def parameters(raw: Parameters) -> dict[str, str]:
    """Lower-case name -> text, of parameters as `parse_media` and `parse_disposition` give them.

    Decodes charset'language'percent values (RFC 2231 4), and encoded words, which RFC 2047 5 forbids there and
    many send. An encoded form counts before a plain one, and the first before others.
    """
    plain: dict[str, str] = {}
    extended: dict[str, str] = {}
    for name, value in raw:
        if name.endswith(b"*"):
            extended.setdefault(guess(name[:-1]).lower(), _extended(value))
        else:
            plain.setdefault(guess(name).lower(), decode_words(value))
    return plain | extended


def _extended(value: bytes) -> str:
    charset = ""
    if value.count(b"'") >= 2:
        name, _language, value = value.split(b"'", 2)
        charset = guess(name)
    return decode(unquote_to_bytes(value), charset)


def charset_of(part: Part) -> str:
    """The charset parameter; us-ascii where there is none (RFC 2046 4.1.2)."""
    for name, value in part.parameters:
        if name in (b"charset", b"charset*"):
            return decode(value.rpartition(b"'")[2])
    return "us-ascii"


def file_name(raw_disposition: Parameters, raw_type: Parameters) -> str | None:
    """The name of an attachment: Content-Disposition's filename, else Content-Type's name (RFC 2183 2.3)."""
    name = parameters(raw_disposition).get("filename") or parameters(raw_type).get("name")
    return _CONTROLS.sub("", name) if name else None

r"""A message for a client that can do with ASCII headers alone, where the message has others (RFC 6858, RFC 6855 7).

The law: no octet above 127 is left in a header, of the message or of any part; bodies stay as they are, and so does
every field that is ASCII. It is a picture to be read, not the message: signatures over it are broken, and whoever
cannot be written to in ASCII is shown as a name without an address. What it costs is bounded: beyond what any real
header has, fields are not taken apart, and octets become question marks.
"""

import re
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, NamedTuple
from urllib.parse import quote_from_bytes

from mail.message.address import Group, Mailbox, parse_addresses
from mail.message.header import unfold
from mail.message.limits import DEFAULT
from mail.message.parameter import parse_disposition, parse_media
from mail.message.part import Parameters, Part
from mail.message.words import decode_words

_NO_ADDRESS: Final = b"<invalid@internationalized-address.invalid>"  # RFC 6858 2.1
_WORD_BYTES: Final = 30  # in an encoded word: 52 characters, so that no line with a name is over 76 (RFC 2047 2)
_PARAMETER_MAX: Final = 900  # characters of an encoded value: a line has 998
_LINE: Final = re.compile(rb"[^\n]*+(?:\n[ \t][^\n]*+)*\n?")  # a field with what is folded of it, or what is none
_MASKED: Final = bytes.maketrans(bytes(range(128, 256)), b"?" * 128)
_ATOMS: Final = re.compile(rb"[\w!#$%&'*+/=?^`{|}~ -]+")
_BREAKS: Final = re.compile(rb"[\r\n\0]+")
_ADDRESSES: Final = frozenset(
    b"from sender reply-to to cc bcc return-path resent-from resent-sender resent-to resent-cc resent-bcc".split()
)
_TEXTS: Final = frozenset(b"subject comments content-description thread-topic".split())


class Surrogate(NamedTuple):
    """Its octets, and where its body begins."""

    content: bytes
    body: int


def surrogate(content: bytes, root: Part) -> Surrogate:
    """What to send; the message itself where its headers are ASCII."""
    if content.isascii():
        return Surrogate(content, root.body)
    out, at, body, room = [], 0, root.body, DEFAULT.header_bytes_max
    for part in _parts(root):
        header = content[part.start : part.body]
        if not header.isascii():
            said = _in_ascii(header[:room]) + header[room:].translate(_MASKED)
            room = max(room - len(header), 0)
            out += [content[at : part.start], said]
            at = part.body
            if part is root:
                body = part.start + len(said)
    return Surrogate(b"".join((*out, content[at:])) if out else content, body)


def _parts(part: Part) -> Iterator[Part]:
    yield part
    for child in part.children:
        yield from _parts(child)


def _in_ascii(header: bytes) -> bytes:
    out, end = [], 0
    for line in islice(_LINE.finditer(header), DEFAULT.fields_max):
        out.append(_said(line[0]))
        end = line.end()
    return b"".join((*out, header[end:].translate(_MASKED)))


def _said(field: bytes) -> bytes:
    """A field in ASCII; nothing where that cannot be (RFC 6858 2.4)."""
    if field.isascii():
        return field
    spelled, _, value = field.partition(b":")
    name = spelled.rstrip(b" \t").lower()
    if name in _ADDRESSES:
        said = b",\r\n ".join(map(_address, parse_addresses(unfold(value))))
    elif name in _TEXTS:
        said = _words(decode_words(value))
    else:
        said = _OTHERS[name](value) if name in _OTHERS else b""
    return spelled + b": " + said + b"\r\n" if said else b""


def _words(text: str) -> bytes:
    """Encoded words (RFC 2047), each with whole characters."""
    words, piece = [], b""
    for char in text:
        octets = char.encode("utf-8", "replace")
        if len(piece) + len(octets) > _WORD_BYTES:
            words.append(piece)
            piece = b""
        piece += octets
    return b"\r\n ".join([b"=?utf-8?B?%b?=" % b2a_base64(word, newline=False) for word in (*words, piece)])


def _address(address: Mailbox | Group) -> bytes:
    if isinstance(address, Group):
        members = b",\r\n ".join(map(_address, address.members))
        return (_phrase(address.name) or b"Group") + b": " + members + b";"
    email = address.email
    if email.isascii() and address.domain:
        phrase = _phrase(address.name)
        return phrase + b" <%b>" % _flat(email.encode()) if phrase else _flat(email.encode())
    name = address.display_name
    return _words(f"{name} <{email}>" if name else email) + b" " + _NO_ADDRESS


def _phrase(name: bytes | None) -> bytes:
    if not name:
        return b""
    if not name.isascii() or b"=?" in name:
        return _words(decode_words(name))
    return name if _ATOMS.fullmatch(name) else _quoted(name)


def _type(value: bytes) -> bytes:
    media = parse_media(value)
    return b"" if media is None else f"{media.type}/{media.subtype}".encode() + _parameters(media.parameters)


def _disposition(value: bytes) -> bytes:
    found = parse_disposition(value)
    return b"" if found is None else found[0].encode() + _parameters(found[1])


_OTHERS: Final[dict[bytes, Callable[[bytes], bytes]]] = {b"content-type": _type, b"content-disposition": _disposition}


def _parameters(pairs: Parameters) -> bytes:
    """RFC 2231 4 for what is not ASCII; what is too long for that is left out (RFC 6858 2.2)."""
    out = []
    for name, value in pairs:
        if not name.isascii():
            continue
        if name.endswith(b"*"):
            said = name + b"=" + quote_from_bytes(value, safe="%'*-._").encode()
        elif value.isascii():
            said = name + b"=" + _quoted(value)
        else:
            said = name + b"*=utf-8''" + quote_from_bytes(decode_words(value).encode("utf-8", "replace")).encode()
        if len(said) <= _PARAMETER_MAX:
            out.append(b";\r\n " + _flat(said))
    return b"".join(out)


def _quoted(value: bytes) -> bytes:
    return b'"%b"' % _flat(value).replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _flat(value: bytes) -> bytes:
    return _BREAKS.sub(b" ", value)

"""A message for a server that takes less than it holds: 8-bit or binary content as 7-bit MIME (RFC 6152 3, RFC 3030 3).

The law: what is decoded from the parts is the same before and after; nothing is encoded twice (RFC 2045 6.4: multipart
and message parts are never encoded themselves); what was signed is never touched. `Undowngradable` is raised where that
cannot be.
"""

import binascii
import re
from typing import Final, Literal

import msgspec

from mail.message.content import content_of
from mail.message.limits import DEFAULT
from mail.message.part import Part
from mail.message.scan import scan

LINE_BYTES_MAX: Final = 998  # RFC 5322 2.1.1, without CRLF
_BASE64_LINE: Final = 76  # RFC 2045 6.8
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_IDENTITY: Final = frozenset({"7bit", "8bit", "binary"})
_LONG_LINE: Final = re.compile(rb"[^\n]{%d}" % (LINE_BYTES_MAX + 2))
_TRANSFER: Final = re.compile(
    rb"^content-transfer-encoding[ \t]*:[^\n]*\n(?:[ \t]+[^ \t\r\n][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
_MIME_VERSION: Final = re.compile(rb"^mime-version[ \t]*:", re.IGNORECASE | re.MULTILINE)
_CONTENT_TYPE: Final = re.compile(rb"^content-type[ \t]*:", re.IGNORECASE | re.MULTILINE)

Body = Literal["7BIT", "8BITMIME", "BINARYMIME"]


class Needs(msgspec.Struct, frozen=True):
    """What a server must offer to take a message as it is."""

    body: Body = "7BIT"
    header_utf8: bool = False
    """The header of the message is not ASCII: SMTPUTF8, or a sender that broke the rules (RFC 6532 3.1)."""


_NOTHING: Final = Needs()
_BINARY: Final = Needs("BINARYMIME")


class Undowngradable(Exception):
    """The message cannot be converted; `status` is what its sender is told (RFC 3463 3.7)."""

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def needs(message: bytes, *, binary: bool = False) -> Needs:
    """What it takes. `binary`: it came as BODY=BINARYMIME."""
    if message.isascii():
        return _BINARY if binary else _NOTHING
    end = 0 if message.startswith(b"\r\n") else message.find(b"\r\n\r\n")
    header = message if end < 0 else message[:end]
    return Needs("BINARYMIME" if binary else "8BITMIME", not header.isascii())


def downgrade(message: bytes, to: Literal["7BIT", "8BITMIME"]) -> bytes:
    """The message so that a server without BINARYMIME, or without 8BITMIME too, can take it. Raises Undowngradable:
    5.6.2 where conversion is prohibited, 5.6.3 where it is not possible."""
    out: list[bytes] = []
    root = scan(message)
    if _count(root) >= DEFAULT.parts_max:  # the last part holds what is over the limit, boundaries too
        raise Undowngradable("5.6.3", "the message has too many parts")
    _Writer(message, out, seven=to == "7BIT").entity(root, signed=False, is_root=True)
    out.append(message[root.end :])
    converted = b"".join(out)
    if not _same(message, root, converted, scan(converted)):
        raise Undowngradable("5.6.3", "the message cannot be converted without loss")
    return converted


def _count(part: Part) -> int:
    return 1 + sum(map(_count, part.children))


def _same(raw: bytes, part: Part, converted: bytes, twin: Part) -> bool:
    """Whether both hold the same, decoded. A last line end may have come to be encoded, or to be one."""
    if (part.type, part.subtype, len(part.children)) != (twin.type, twin.subtype, len(twin.children)):
        return False
    if part.children:
        pairs = zip(part.children, twin.children, strict=True)
        return all(_same(raw, child, converted, other) for child, other in pairs)
    return content_of(raw, part) == content_of(converted, twin)


class _Writer:
    """One conversion."""

    def __init__(self, message: bytes, out: list[bytes], *, seven: bool) -> None:
        self._raw = message
        self._out = out
        self._seven = seven

    def entity(self, part: Part, *, signed: bool, is_root: bool = False) -> None:
        """A part with all that is in it."""
        raw = self._raw[part.start : part.end]
        if self._fine(raw) and not _mislabelled(part, self._seven):
            self._out.append(raw)
            return
        header = self._raw[part.start : part.body]
        if not header.isascii() and self._seven:
            raise Undowngradable("5.6.3", "a header that is not ASCII cannot be converted")
        signed = signed or (part.type, part.subtype) == ("multipart", "signed")
        if part.children:
            self._composite(part, header, signed=signed)
        else:
            self._leaf(part, header, signed=signed, is_root=is_root)

    def _fine(self, data: bytes) -> bool:
        """Whether the server takes these bytes as they are."""
        return (data.isascii() or not self._seven) and _fits_lines(data)

    def _composite(self, part: Part, header: bytes, *, signed: bool) -> None:
        if signed and not self._fine(self._raw[part.body : part.end]):
            raise Undowngradable("5.6.2", "a signed message must not be converted (RFC 1847 2.1)")
        self._out.append(_labelled(header, b"7bit" if self._seven else b"8bit") if part.encoding != "7bit" else header)
        at = part.body
        for child in part.children:
            if part.is_multipart and child.start == part.body:  # no boundary was found: the text is not a part
                raise Undowngradable("5.6.3", "a multipart without parts cannot be converted")
            self._between(at, child.start)
            self.entity(child, signed=signed, is_root=part.is_message)
            at = child.end
        self._between(at, part.end)

    def _between(self, start: int, end: int) -> None:
        """Boundaries, and text around them that nobody is shown."""
        text = self._raw[start:end]
        self._out.append(_HIGH.sub(b"?", text) if self._seven and not text.isascii() else text)

    def _leaf(self, part: Part, header: bytes, *, signed: bool, is_root: bool) -> None:
        body = self._raw[part.body : part.end]
        if self._fine(body) and part.encoding in _IDENTITY:
            self._out += (_labelled(header, b"7bit" if body.isascii() else b"8bit"), body)
            return
        if signed:
            raise Undowngradable("5.6.2", "a signed message must not be converted (RFC 1847 2.1)")
        if part.type in {"multipart", "message"}:
            raise Undowngradable("5.6.3", f"a {part.type} part cannot be encoded (RFC 2045 6.4)")
        if part.encoding not in _IDENTITY | {"base64", "quoted-printable"}:
            raise Undowngradable("5.6.3", f"the encoding {part.encoding[:40]} is not known")
        name, encoded = _encoded(part, content_of(self._raw, part))
        if is_root:
            header = _as_mime(header, body)
        self._out += (_labelled(header, name), encoded)


def _mislabelled(part: Part, seven: bool) -> bool:
    """Whether a label must change though the bytes need not: 8bit or binary, here or within."""
    label = part.encoding == "binary" or (seven and part.encoding == "8bit")
    return label or any(_mislabelled(child, seven) for child in part.children)


def _encoded(part: Part, content: bytes) -> tuple[bytes, bytes]:
    """Text that is mostly ASCII stays readable, all else becomes base64."""
    is_text = part.type == "text" and b"\0" not in content
    if is_text and len(_HIGH.findall(content)) * 4 <= len(content):
        return b"quoted-printable", quoted_printable(content)
    flat = binascii.b2a_base64(content, newline=False)
    return b"base64", b"".join(flat[at : at + _BASE64_LINE] + b"\r\n" for at in range(0, len(flat), _BASE64_LINE))


def quoted_printable(content: bytes) -> bytes:
    """RFC 2045 6.7: CRLF is a line's end, any other CR or LF is encoded."""
    lines = content.split(b"\r\n")
    return b"\r\n".join(
        [binascii.b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n") if line else b"" for line in lines]
    )


def _labelled(header: bytes, name: bytes) -> bytes:
    """The header with this transfer encoding, in the place of any other."""
    field = b"Content-Transfer-Encoding: " + name + b"\r\n"
    found = _TRANSFER.search(header)
    if found is not None:
        return header[: found.start()] + field + _TRANSFER.sub(b"", header[found.end() :])
    return _with(header, field)


def _as_mime(header: bytes, body: bytes) -> bytes:
    """A message of before MIME says now what it is (RFC 1428)."""
    if not _CONTENT_TYPE.search(header):
        charset = b"utf-8" if _is_utf8(body) else b"unknown-8bit"
        header = _with(header, b"Content-Type: text/plain; charset=%b\r\n" % charset)
    return header if _MIME_VERSION.search(header) else _with(header, b"MIME-Version: 1.0\r\n")


def _with(header: bytes, field: bytes) -> bytes:
    """The field in front of the blank line; a blank line where there was none."""
    for blank in (b"\r\n\r\n", b"\n\n", b"\n\r\n"):
        if header.endswith(blank):
            cut = len(header) - (2 if blank.endswith(b"\r\n") else 1)
            return header[:cut] + field + header[cut:]
    if header in (b"", b"\r\n", b"\n"):
        return field + b"\r\n"
    return header + (b"" if header.endswith(b"\n") else b"\r\n") + field + b"\r\n"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _fits_lines(data: bytes) -> bool:
    """Whether it is text as RFC 2045 2.7 and 2.8 have it: CR and LF only as CRLF, no NUL, no line too long."""
    pairs = data.count(b"\r\n")
    if pairs != data.count(b"\n") or pairs != data.count(b"\r") or b"\0" in data:
        return False
    return len(data) <= LINE_BYTES_MAX or _LONG_LINE.search(data) is None

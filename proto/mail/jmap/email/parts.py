"""EmailBodyPart objects (RFC 8621 4.1.4).

The law: what the record says is not read again from the message; a property gives the same value in every list.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from mail.jmap.email.bodies import Node
from mail.jmap.email.forms import READERS, tidy
from mail.jmap.email.forms import raw as raw_form
from mail.jmap.email.names import HeaderProperty, header_property
from mail.message.charset import guess
from mail.message.content import content_of
from mail.message.header import Field, fields
from mail.message.part import IDENTITY, Part
from mail.message.words import base64_bytes, charset_of, decode_words, file_name

BlobId = Callable[[Part], str]
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_PADDINGS: Final = (b"", b"=", b"==")
_CID: Final = re.compile(rb"<([^<>]*+)>")


class EmailHeader(msgspec.Struct, frozen=True, gc=False):
    """RFC 8621 4.1.3."""

    name: str
    value: str


class Source:
    """What parts are read from. `raw` may be missing where no property needs it."""

    __slots__ = ("_texts", "blob_id", "raw")

    def __init__(self, raw: bytes | None, blob_id: BlobId) -> None:
        self.raw = raw
        self.blob_id = blob_id
        self._texts: dict[int, bytes] = {}  # a text is in two lists and in bodyValues, and is decoded once

    @property
    def message(self) -> bytes:
        """The message. Raises ValueError where the caller did not look at what the view needs."""
        if self.raw is None:
            raise ValueError("this property is read from the message, which was not given")
        return self.raw

    def content(self, part: Part) -> bytes:
        """The content of a part without its transfer encoding."""
        found = self._texts.get(part.start)
        if found is None:
            found = content_of(self.message, part)
            if part.type == "text":
                self._texts[part.start] = found
        return found


class Headers:
    """The fields of one header, found once for all properties of them."""

    def __init__(self, block: bytes, start: int, end: int) -> None:
        self._block = block
        self._fields = fields(block, start, end)
        self._places: dict[bytes, list[Field]] | None = None

    def all(self) -> list[EmailHeader]:
        """The `headers` property."""
        return [EmailHeader(guess(f.name), raw_form(self._block[f.value_start : f.end])) for f in self._fields]

    def read(self, wanted: HeaderProperty) -> Any:
        """A `header:` property: the last instance, or all of them."""
        if self._places is None:
            self._places = {}
            for field in self._fields:
                self._places.setdefault(field.name.lower(), []).append(field)
        found = self._places.get(wanted.key, [])
        reader = READERS[wanted.form]
        if wanted.all:
            return [reader(self._block[f.value_start : f.end]) for f in found]
        return reader(self._block[found[-1].value_start : found[-1].end]) if found else None


def base64_size(data: bytes) -> int:
    """How many bytes `words.base64_bytes` gives, without making them where nothing foreign is among the characters."""
    foreign = data.translate(None, _BASE64)
    count = len(data) - len(foreign)
    padding = foreign.translate(None, b"\r\n")
    if padding in _PADDINGS and (count + len(padding)) % 4 == 0 and data.rstrip(b"\r\n").endswith(padding):
        return count * 3 // 4
    return len(base64_bytes(data))


def _size(source: Source, node: Node) -> int:
    part = node.part
    if part.is_multipart or part.encoding in IDENTITY:
        return part.end - part.body
    if part.encoding == "base64" and part.type != "text":
        return base64_size(source.message[part.body : part.end])
    return len(source.content(part))


def _name(_source: Source, node: Node) -> str | None:
    name = file_name(node.part.disposition_parameters, node.part.parameters)
    return tidy(name) if name else None


def _charset(_source: Source, node: Node) -> str | None:
    """The implicit one is us-ascii for texts, and none for other types."""
    part = node.part
    if part.type == "text" or any(name in (b"charset", b"charset*") for name, _ in part.parameters):
        return tidy(charset_of(part))
    return None


def _cid(_source: Source, node: Node) -> str | None:
    value = node.part.id
    if value is None:
        return None
    match = _CID.search(value)
    return tidy(guess(match[1] if match else value).strip())


def _language(_source: Source, node: Node) -> list[str] | None:
    return [tag.decode("ascii") for tag in node.part.language] or None


def _location(_source: Source, node: Node) -> str | None:
    """A URI; one that was folded has spaces that are not its own (RFC 2557 4.4.2)."""
    value = node.part.location
    return None if value is None else tidy("".join(decode_words(value).split()))


def _headers(source: Source, node: Node) -> list[EmailHeader]:
    return Headers(source.message, node.part.start, node.part.body).all()


READ: Final[Mapping[str, Callable[[Source, Node], Any]]] = {
    "partId": lambda _source, node: node.id,
    "blobId": lambda source, node: None if node.id is None else source.blob_id(node.part),
    "size": _size,
    "headers": _headers,
    "name": _name,
    "type": lambda _source, node: f"{node.part.type}/{node.part.subtype}",
    "charset": _charset,
    "disposition": lambda _source, node: node.part.disposition,
    "cid": _cid,
    "language": _language,
    "location": _location,
}
FROM_MESSAGE: Final = frozenset({"size", "headers"})  # and header: properties


def body_part(source: Source, node: Node, properties: Sequence[str]) -> dict[str, Any]:
    """One object without its subParts (which is what the flat lists have)."""
    shown: dict[str, Any] = {}
    headers: Headers | None = None
    for name in properties:
        if name in READ:
            shown[name] = READ[name](source, node)
        elif name == "subParts":
            shown[name] = None
        elif wanted := header_property(name):
            headers = headers or Headers(source.message, node.part.start, node.part.body)
            shown[name] = headers.read(wanted)
    return shown


def structure(source: Source, node: Node, properties: Sequence[str]) -> dict[str, Any]:
    """The object with its subParts, which a multipart has even where they were not asked for: without them it would be
    no structure."""
    shown = body_part(source, node, properties)
    if node.id is None:
        shown["subParts"] = [structure(source, child, properties) for child in node.children]
    return shown

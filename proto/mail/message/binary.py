"""Sections as BINARY sends them (RFC 3516, RFC 9051 6.4.5): without their transfer encoding.

The law: only the transfer encoding is undone. Charsets and line ends stay, and so do multiparts and the whole
message: what is within them has encodings of its own.
"""

from mail.message.content import ENCODINGS, content_of
from mail.message.part import IDENTITY, Part
from mail.message.record import Record
from mail.message.section import find_part


class UnknownEncoding(ValueError):
    """A section whose transfer encoding we cannot undo: NO [UNKNOWN-CTE] (RFC 3516 4.3)."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"the transfer encoding {encoding!a} is not known")
        self.encoding = encoding


def decoded(raw: bytes, record: Record, path: tuple[int, ...]) -> bytes | None:
    """The content of BINARY[path]; None where there is no such part. Raises UnknownEncoding."""
    if not path:
        return raw
    part = find_part(record.root, path)
    if part is None:
        return None
    return raw[part.body : part.end] if _is_as_it_stands(part) else content_of(raw, part)


def decoded_size(raw: bytes, record: Record, path: tuple[int, ...]) -> int | None:
    """BINARY.SIZE[path]: the bytes that `decoded` gives. Raises UnknownEncoding."""
    if not path:
        return len(raw)
    part = find_part(record.root, path)
    if part is None:
        return None
    return part.end - part.body if _is_as_it_stands(part) else len(content_of(raw, part))


def check(record: Record, path: tuple[int, ...]) -> None:
    """Raises UnknownEncoding where `decoded` would."""
    part = find_part(record.root, path) if path else None
    if part is not None:
        _is_as_it_stands(part)


def _is_as_it_stands(part: Part) -> bool:
    if part.is_multipart or part.encoding in IDENTITY:
        return True
    if part.encoding not in ENCODINGS:
        raise UnknownEncoding(part.encoding)
    return False

"""What FETCH asks for (RFC 3501 6.4.5). An item holds the question only; nothing here knows a message."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class FetchAttribute(Enum):
    """The items without arguments. BODY is BODYSTRUCTURE without extension data; RFC822 and RFC822_TEXT set \\Seen."""

    ENVELOPE = b"ENVELOPE"
    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    RFC822 = b"RFC822"
    RFC822_HEADER = b"RFC822.HEADER"
    RFC822_SIZE = b"RFC822.SIZE"
    RFC822_TEXT = b"RFC822.TEXT"
    UID = b"UID"
    BODY = b"BODY"
    BODYSTRUCTURE = b"BODYSTRUCTURE"


class SectionText(Enum):
    """What of the message or part named by the path is meant (RFC 3501 9, section-text)."""

    HEADER = b"HEADER"
    HEADER_FIELDS = b"HEADER.FIELDS"
    HEADER_FIELDS_NOT = b"HEADER.FIELDS.NOT"
    TEXT = b"TEXT"
    MIME = b"MIME"


class Partial(NamedTuple):
    """`<origin.count>`: `count_bytes` octets from `origin_bytes` on. The answer names the origin only."""

    origin_bytes: int
    count_bytes: int


@dataclass(frozen=True, slots=True)
class BodySection:
    """BODY[...] and BODY.PEEK[...]: the part numbers, what of that part (None: all of it), and which octets."""

    path: tuple[int, ...] = ()
    text: SectionText | None = None
    fields: tuple[bytes, ...] = ()
    """Header field names as the client spelled them; compare without case. Only for the HEADER_FIELDS kinds."""
    partial: Partial | None = None
    peek: bool = False


FetchItem = FetchAttribute | BodySection

"""What a scan finds: the tree of parts with offsets into the message's bytes.

The law: 0 <= start <= body <= end <= size; a child lies inside its parent's body and after its elder sibling.
"""

from typing import Final

import msgspec

IDENTITY: Final = frozenset({"7bit", "8bit", "binary"})  # encodings that change no byte (RFC 2045 6.2)
Parameters = tuple[tuple[bytes, bytes], ...]


class Part(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One entity (RFC 2045 2.4). Strings are as in the message, continued parameters joined: `words` decodes them.

    `raw[start:body]` is its header with the blank line, `raw[body:end]` its body. `lines` counts the line
    ends of the body of text/* and message/rfc822, and is 0 for other types. `type`, `subtype` and `encoding`
    are lower case. A multipart has at least one child; message/rfc822 has exactly one, the message in it,
    and that one carries its rendered `envelope`.
    """

    start: int
    body: int
    end: int
    lines: int
    type: str
    subtype: str
    parameters: Parameters = ()
    encoding: str = "7bit"
    children: "tuple[Part, ...]" = ()
    id: bytes | None = None
    description: bytes | None = None
    disposition: str | None = None
    disposition_parameters: Parameters = ()
    language: tuple[bytes, ...] = ()
    location: bytes | None = None
    md5: bytes | None = None
    envelope: bytes = b""

    @property
    def is_multipart(self) -> bool:
        """Whether `children` are body parts (RFC 2046 5.1)."""
        return self.type == "multipart"

    @property
    def is_message(self) -> bool:
        """Whether the only child is an encapsulated message (RFC 2046 5.2.1, RFC 6532 3.7)."""
        return self.type == "message" and bool(self.children)

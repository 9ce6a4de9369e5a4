"""Commands about the connection itself: UNAUTHENTICATE (RFC 8437), COMPRESS (RFC 4978), GETJMAPACCESS (RFC 9698).

The law: after the first two, what follows means something else, so the machine must wait.
"""

from dataclasses import dataclass
from typing import Self

from mail.imap.errors import ImapError
from mail.imap.lexer import Reader
from mail.imap.shapes import Plain


@dataclass(frozen=True, slots=True)
class Unauthenticate(Plain):
    """RFC 8437 3. The machine waits: what follows comes from a stranger again."""


@dataclass(frozen=True, slots=True)
class Compress:
    """RFC 4978 3. The machine waits: if compression begins, what follows is compressed."""

    mechanism: str

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """compress = "COMPRESS" SP "DEFLATE" """
        reader.sp()
        mechanism = reader.word().decode("ascii")
        if mechanism != "DEFLATE":
            raise ImapError("Unknown mechanism; known is DEFLATE (RFC 4978 3)")
        return cls(mechanism)


@dataclass(frozen=True, slots=True)
class GetJmapAccess(Plain):
    """RFC 9698 3."""

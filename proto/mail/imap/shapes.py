"""The two shapes that most commands have: no argument, and one mailbox.

The law: a command of either shape takes nothing more; an extension that adds arguments parses for itself.
"""

from dataclasses import dataclass
from typing import Self

from mail.imap.lexer import Reader


@dataclass(frozen=True, slots=True)
class Plain:
    """A command without arguments."""

    @classmethod
    def parse(cls, _reader: Reader) -> Self:
        return cls()


@dataclass(frozen=True, slots=True)
class OfMailbox:
    """A command whose argument is a mailbox."""

    mailbox: str

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        reader.sp()
        return cls(reader.mailbox())

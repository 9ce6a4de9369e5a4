"""What an import reads: folders of messages, whatever their format.

The law: a message's bytes are as they will be stored, with CRLF at the end of each line (RFC 5322 2.1) and without
what only the format needed; everything else about it stays as it was. A message that cannot be read is `Found` too,
with its problem, and does not stop the rest.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

from ops.admin.limits import MESSAGE_BYTES_MAX

_LONE_LF: Final = re.compile(rb"(?<!\r)\n")

Token = dict[str, Any]  # plain values, for the journal


class Found(NamedTuple):
    """A message of a folder."""

    where: str  # names it to a person
    place: Any  # names it in `Token`s of its folder
    content: bytes
    date_ms: int = 0  # INTERNALDATE; 0: not known
    flags: tuple[str, ...] = ()  # system flags with their backslash, and keywords
    size: int = 0  # bytes it takes in the source
    problem: str = ""  # why there is no content


class Folder(Protocol):
    """Messages that go to one mailbox."""

    where: str  # names it to a person
    identity: str  # the same for the same folder, at another time too
    mailbox: str
    size: int  # bytes, for progress; about

    def token(self, batch: Sequence[Found]) -> Token:
        """What to write down of messages that `remaining` gave in a row."""
        ...

    def remaining(self, tokens: Iterable[Token]) -> Iterator[Found]:
        """The messages that no token covers, in order. Raises Misconfigured where the tokens do not fit any more."""
        ...

    def covered(self, token: Token) -> Iterator[Found]:
        """The messages of a token again, each in its place; with a problem where it is gone. Raises as `remaining`."""
        ...


def with_crlf(content: bytes) -> bytes:
    """Every line end as CRLF."""
    if b"\r" not in content:
        return content.replace(b"\n", b"\r\n")
    return _LONE_LF.sub(b"\r\n", content)


def too_large(size: int) -> str:
    """The problem of a message of that many bytes, or empty."""
    return f"It is larger than {MESSAGE_BYTES_MAX >> 20} MiB." if size > MESSAGE_BYTES_MAX else ""

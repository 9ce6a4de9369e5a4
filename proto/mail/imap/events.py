"""What the machine tells its shell. Events are all that leaves it; no input makes it raise."""

from dataclasses import dataclass, field

from mail.imap import commands


@dataclass(frozen=True, slots=True)
class Command:
    """A whole command, well formed. `tag` begins the answer."""

    tag: bytes
    command: commands.Command


@dataclass(frozen=True, slots=True)
class NeedContinuation:
    """The client waits for `+` before it sends a literal: send what `outgoing()` has."""

    tag: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Bad:
    """A command that was not taken: answer `status` (BAD or NO), `code` in brackets if there is one, and `text`.

    `tag` None means an untagged answer. What belonged to the command has been read; the next one may follow.
    """

    tag: bytes | None
    text: str
    status: bytes = b"BAD"
    code: bytes | None = None
    unsaves: bool = field(default=False, kw_only=True)
    """It was a search with SAVE and is answered NO: what was saved is forgotten (RFC 5182 2.1)."""


@dataclass(frozen=True, slots=True)
class Line:
    """The line asked for with `expect_line()`, without its CRLF: DONE, or an answer to a SASL challenge."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Close:
    """No way to stay in step (RFC 7888 4): answer `* BYE [code] text` and close. Nothing is read any more."""

    text: str
    code: bytes = b"TOOBIG"


Event = Command | NeedContinuation | Bad | Line | Close

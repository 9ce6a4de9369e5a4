"""What the machine tells its shell. Events are all that leaves it; no input makes it raise."""

from dataclasses import dataclass, field

from mail.pop3 import commands


@dataclass(frozen=True, slots=True)
class Command:
    """A whole command, well formed."""

    command: commands.Command


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that was not taken: answer -ERR with the text. The next one may follow."""

    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """The line asked for with `expect_line()`, without its CRLF: an answer to a SASL challenge."""

    data: bytes = field(repr=False)


Event = Command | Bad | Line

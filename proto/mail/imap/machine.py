"""A server's side of one IMAP connection, with the network taken out: octets in, events out. It never raises on input.

The law: one command at a time, and what is held never exceeds `limits` by more than one `receive`. A shell does

    machine.receive(data)
    for event in machine.events():
        ...                      # answer; `limits` and the calls below may change things between two events
    send(machine.outgoing())

After AUTHENTICATE, IDLE, STARTTLS and LOGOUT the machine waits, since what follows means something else: the shell asks
for one raw line (`expect_line`) or goes on (`resume`). While it waits it only gathers: a shell stops reading from the
network when `held_bytes` grows past what it likes.
"""

import re
from collections.abc import Callable, Iterator

from mail.imap import commands
from mail.imap.errors import ImapError
from mail.imap.events import Bad, Close, Command, Event, Line, NeedContinuation
from mail.imap.limits import Limits
from mail.imap.linebuffer import Line as TextLine
from mail.imap.linebuffer import LineBuffer
from mail.imap.literal import Literal
from mail.imap.parse import Refused, parse_command, parse_head, parse_tag

# literal = "{" number ["+"] "}" CRLF, and after "~" literal8 (RFC 7888 6)
# RFC 7888 3: whatever the line says, with "+" that many octets belong to it
_LITERAL = re.compile(rb"\{([0-9]++)(\+?)\}\Z")
_DIGITS_MAX = 20  # more than any limit has, and few enough to be a number cheaply

_WAITING = frozenset(
    {
        commands.Authenticate,
        commands.Compress,
        commands.Idle,
        commands.Logout,
        commands.StartTls,
        commands.Unauthenticate,
    }
)

# What brings messages, and so has the bounds of APPEND (RFC 8508 3.4).
_APPENDING = (b"APPEND", b"REPLACE", b"UID REPLACE")


# What the machine does now. Plain numbers: they index the handlers, and this is the hottest choice there is.
_COMMAND, _LITERAL_OCTETS, _REFUSED_REST, _RAW_LINE, _WAIT, _CLOSED = range(6)


class ImapMachine:
    """One connection. `limits` may be replaced at any time and holds from the next line or literal on."""

    def __init__(self, limits: Limits | None = None, *, utf8: bool = False) -> None:
        self.limits = limits or Limits()
        self.utf8 = utf8
        """Whether names are UTF-8, because the client enabled it (RFC 6855)."""
        self._buffer = LineBuffer()
        self._outgoing = bytearray()
        self._step = _COMMAND
        self._lines: list[bytes] = []
        self._literals: list[bytes] = []
        self._held_bytes = 0
        self._skipped_bytes = 0
        self._literal: Literal | None = None
        self._refusal: Bad | None = None
        self._head: tuple[bytes, bytes] | None = None  # tag and name, once a literal has come

    def receive(self, data: bytes) -> None:
        """Octets from the client. Follow with `events()`."""
        if self._step == _CLOSED:
            return
        if self._literal is not None and not len(self._buffer):
            data = self._literal.feed(data)
        if data:
            self._buffer.add(data)

    def events(self) -> Iterator[Event]:
        """What can be told now, one by one; each is worked out only when asked for."""
        while (handler := _HANDLERS[self._step]) is not None:
            before = self._step
            event = handler(self)
            if event is not None:
                yield event
            elif self._step == before:
                return

    def outgoing(self) -> bytes:
        """What the machine itself has to send: continuation requests. Empty afterwards."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def expect_line(self) -> None:
        """The next line is raw: it comes as Line (or Bad, if it is too long), and the machine waits again."""
        assert self.waiting
        self._step = _RAW_LINE

    def resume(self) -> None:
        """The next line begins a command: the shell is done with what the machine waited for."""
        assert self._step in (_WAIT, _RAW_LINE)
        self._step = _COMMAND

    def forget(self) -> int:
        """Throw away what was received but not read; says how many octets. For STARTTLS: they came unprotected."""
        count_bytes = len(self._buffer)
        self._buffer.clear()
        return count_bytes

    @property
    def waiting(self) -> bool:
        """Whether the shell has to call `expect_line()` or `resume()`."""
        return self._step == _WAIT

    @property
    def held_bytes(self) -> int:
        """Octets received and not read yet."""
        return len(self._buffer)

    @property
    def kept_bytes(self) -> int:
        """Octets of the literals of the command that is being received, and what is not read yet."""
        literal_bytes = self._literal.held_bytes if self._literal is not None else 0
        return len(self._buffer) + literal_bytes + sum(map(len, self._literals))

    # One method for each step: an event, or None after changing the step or for want of octets

    def _read_command(self) -> Event | None:
        line = self._next_line()
        if line is None:
            return None
        literal = _LITERAL.search(line.tail) if line.tail.endswith(b"}") else None
        try:
            if line.too_long or literal is not None or self._head is not None:
                self._check(line, literal)
        except Refused as error:
            return self._refuse(Bad(error.tag, error.text, error.status, error.code), literal)
        self._lines.append(line.text)
        if literal is None:
            return self._finish()
        return self._begin_literal(_size(literal), nonsync=bool(literal[2]))

    def _read_literal(self) -> Event | None:
        literal = self._literal
        assert literal is not None
        if len(self._buffer):
            literal.feed(self._buffer.take(literal.missing_bytes))
        if literal.missing_bytes:
            return None
        self._literal = None
        if self._refusal is None:
            self._literals.append(literal.joined())
            self._step = _COMMAND
        else:
            self._step = _REFUSED_REST
        return None

    def _read_refused(self) -> Event | None:
        line = self._next_line()
        if line is None:
            return None
        assert self._refusal is not None
        literal = _LITERAL.search(line.tail) if line.tail.endswith(b"}") else None
        return self._refuse(self._refusal, literal)

    def _read_raw(self) -> Event | None:
        line = self._next_line()
        if line is None:
            return None
        self._step = _WAIT
        return Bad(None, "The line is too long") if line.too_long else Line(line.text)

    # The parts of reading a command

    def _next_line(self) -> TextLine | None:
        return self._buffer.line(self.limits.line_max_bytes, self.limits.tag_max_bytes + 1)

    def _check(self, line: TextLine, literal: re.Match[bytes] | None) -> None:
        """Refuse a line, or the literal it announces before an octet of that is read or asked for."""
        if line.too_long:
            tag = self._head[0] if self._head else parse_tag(line.text, self.limits)
            raise Refused(tag, ImapError("The line is too long"))
        if self._head is None:
            self._head = parse_head(line.text, self.limits)
        self._held_bytes += len(line.text)
        error = self._literal_error(_size(literal), nonsync=bool(literal[2])) if literal is not None else None
        size_max_bytes = self._literal_max_bytes() + self.limits.line_max_bytes
        if error is None and self._held_bytes > size_max_bytes:
            error = self._too_long()
        if error is not None:
            raise Refused(self._head[0], error)

    @property
    def _appending(self) -> bool:
        return self._head is not None and self._head[1] in _APPENDING

    def _literal_max_bytes(self) -> int:
        return self.limits.append_max_bytes if self._appending else self.limits.literal_max_bytes

    def _literals_max(self) -> int:
        """Each message or part of an APPEND may be a literal, and names may as well."""
        return self.limits.literals_max + (self.limits.append_parts_max if self._appending else 0)

    def _too_long(self) -> ImapError:
        if self._appending and self.limits.append_max_bytes:
            return ImapError("The messages are too large together", status=b"NO", code=b"TOOBIG")
        return ImapError("The command is too long")

    def _literal_error(self, size_bytes: int, *, nonsync: bool) -> ImapError | None:
        self._held_bytes += size_bytes
        nonsync_max_bytes = self.limits.nonsync_max_bytes
        if len(self._literals) >= self._literals_max():
            return ImapError("The command has too many literals")
        if nonsync and nonsync_max_bytes is not None and size_bytes > nonsync_max_bytes:
            # RFC 7888 5: with APPEND, the BAD must hold TOOBIG.
            code = b"TOOBIG" if self._appending else None
            return ImapError("Such a large literal must wait for its continuation (RFC 7888 5)", code=code)
        if size_bytes <= self._literal_max_bytes():
            return None
        if self._appending and self.limits.append_max_bytes:
            # RFC 7889: what is above APPENDLIMIT is answered NO [TOOBIG].
            return ImapError("The message is too large", status=b"NO", code=b"TOOBIG")
        return ImapError("The literal is too large here")

    def _begin_literal(self, size_bytes: int, *, nonsync: bool) -> Event | None:
        assert self._head is not None
        self._literal = Literal(size_bytes, keep=True)
        self._step = _LITERAL_OCTETS
        if nonsync:
            return None
        self._outgoing += b"+ Ready for the literal\r\n"
        return NeedContinuation(self._head[0], size_bytes)

    def _finish(self) -> Event:
        lines, literals = self._lines, self._literals
        self._begin_command()
        try:
            tag, command = parse_command(lines, literals, self.limits, utf8=self.utf8)
        except Refused as error:
            return Bad(error.tag, error.text, error.status, error.code, unsaves=error.unsaves)
        if type(command) in _WAITING:
            self._step = _WAIT
        return Command(tag, command)

    def _refuse(self, refusal: Bad, literal: re.Match[bytes] | None) -> Event | None:
        """Answer now, unless octets are on their way that the client did not wait with: those are read first."""
        if literal is None or not literal[2]:
            # A literal that waits is never sent after a tagged answer (RFC 3501 7.5).
            self._begin_command()
            return refusal
        size_bytes = _size(literal)
        self._skipped_bytes += size_bytes
        self._lines, self._literals = [], []
        if self._skipped_bytes > self.limits.skip_max_bytes:
            self._step = _CLOSED
            self._buffer.clear()
            return Close("The literal is too large to be skipped")
        self._refusal = refusal
        self._literal = Literal(size_bytes, keep=False)
        self._step = _LITERAL_OCTETS
        return None

    def _begin_command(self) -> None:
        self._lines, self._literals = [], []
        self._held_bytes = self._skipped_bytes = 0
        self._head = self._refusal = None
        self._step = _COMMAND


# By step. One for all machines: an idle connection is small.
_HANDLERS: tuple[Callable[[ImapMachine], Event | None] | None, ...] = (
    ImapMachine._read_command,
    ImapMachine._read_literal,
    ImapMachine._read_refused,
    ImapMachine._read_raw,
    None,
    None,
)


def _size(literal: re.Match[bytes]) -> int:
    """The octets announced; of an absurd number the first digits do."""
    return int(literal[1].lstrip(b"0")[:_DIGITS_MAX] or b"0")

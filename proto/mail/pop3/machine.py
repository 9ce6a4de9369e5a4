"""A server's side of one POP3 connection, with the network taken out: octets in, events out. It never raises on input.

The law: one command at a time, and what is held never exceeds `limits` by more than one `receive`. A shell does

    machine.receive(data)
    for event in machine.events():
        ...                      # answer; the calls below may change things between two events

After AUTH, STLS and QUIT the machine waits, since what follows means something else: the shell asks for one raw line
(`expect_line`) or goes on (`resume`). While it waits it only gathers: a shell stops reading from the network when
`held_bytes` grows past what it likes.
"""

from collections.abc import Iterator

from mail.imap.linebuffer import LineBuffer
from mail.pop3 import commands
from mail.pop3.errors import Pop3Error
from mail.pop3.events import Bad, Command, Event, Line
from mail.pop3.limits import Limits

_WAITING = (commands.Auth, commands.Stls, commands.Quit)
_COMMAND, _RAW_LINE, _WAIT = range(3)


class Pop3Machine:
    """One connection. `limits` may be replaced at any time and holds from the next line on."""

    __slots__ = ("_buffer", "_step", "limits")

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._buffer = LineBuffer()
        self._step = _COMMAND

    def receive(self, data: bytes) -> None:
        """Octets from the client. Follow with `events()`."""
        self._buffer.add(data)

    def events(self) -> Iterator[Event]:
        """What can be told now, one by one; each is worked out only when asked for."""
        while self._step != _WAIT:
            line = self._buffer.line(self.limits.response_max_bytes, 0)
            if line is None:
                return
            if self._step == _RAW_LINE:
                self._step = _WAIT
                yield Bad("The line is too long") if line.too_long else Line(line.text)
            else:
                yield self._command(line.text, too_long=line.too_long)

    def expect_line(self) -> None:
        """The next line is raw: it comes as Line (or Bad, if it is too long), and the machine waits again."""
        assert self.waiting
        self._step = _RAW_LINE

    def resume(self) -> None:
        """The next line begins a command: the shell is done with what the machine waited for."""
        self._step = _COMMAND

    def forget(self) -> int:
        """Throw away what was received but not read; says how many octets. For STLS: they came unprotected."""
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

    def _command(self, line: bytes, *, too_long: bool) -> Event:
        if too_long or (len(line) > self.limits.command_max_bytes and line[:5].upper() != b"AUTH "):
            return Bad("The line is too long")
        try:
            command = commands.parse(line)
        except Pop3Error as error:
            return Bad(error.text)
        if isinstance(command, _WAITING):
            self._step = _WAIT
        return Command(command)

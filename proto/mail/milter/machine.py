"""The milter client as a machine: what to tell the filter in, bytes out; its bytes in, an outcome out.

    machine.negotiate()                     # or connect(...), helo(...), mail(...), rcpt(...), data(), message(...)
    while machine.outcome is None:
        transport.write(machine.outgoing())     # a large message comes piece by piece
        if machine.outcome is None:
            machine.receive(transport.read())

Laws. One exchange at a time, and in it one command at a time, unless the filter agreed not to answer it: a decision is
never overtaken by what we say next. What the filter sends unasked, or may not ask for, breaks the connection:
ProtocolError, and nothing more is said. All it sends in one exchange is bounded, and so is what waits to be written.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final, NamedTuple

from mail.milter.changes import Change, ReplaceBody
from mail.milter.codes import Action, Command, Protocol, Stage
from mail.milter.content import Content
from mail.milter.errors import ProtocolError
from mail.milter.frames import Frames, frame
from mail.milter.macros import USUAL, build_macros, clean
from mail.milter.options import Agreed, Offer, build_offer, parse_answer
from mail.milter.responses import Decision, How, Progress, Skip, needed, parse_response

MIB: Final = 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024  # of what is written, at once; a larger one only holds memory
_FRAMES_MAX: Final = 100_000  # in one exchange; 50 MB of body in pieces of 64 kB are 800


class Limits(NamedTuple):
    """What a filter may use up."""

    command_bytes_max: int = MIB
    """All it answers to one command; a reply of SMTP has at most 32 lines of 1,000."""
    message_bytes_max: int = 50 * MIB
    """All it answers to one message: a new body is as large as the largest message."""
    changes_max: int = 2000
    """Changes of one message, the pieces of a body aside; 1,000 recipients and as many fields."""


class Family(Enum):
    """The kind of a client's address (SMFIA)."""

    UNKNOWN = b"U"
    UNIX = b"L"
    INET = b"4"
    INET6 = b"6"


class Outcome(NamedTuple):
    """What the filter decided, and what it wants changed."""

    decision: Decision
    changes: tuple[Change, ...] = ()


CONTINUE: Final = Outcome(Decision(How.CONTINUE))


class _Step(NamedTuple):
    """Bytes to be written, and whether an answer must come before the next."""

    data: bytes
    is_answered: bool = True


class Client:
    """One connection to a filter."""

    def __init__(self, offer: Offer | None = None, limits: Limits | None = None) -> None:
        self.outcome: Outcome | None = None
        """How the exchange ended; None while it goes on."""
        self.agreed: Agreed | None = None
        self.known: Mapping[str, str] = {}
        """The macros' values, by their bare names; kept current by the driver."""
        self._offer = offer or Offer()
        self._limits = limits or Limits()
        self._frames = Frames()
        self._steps: Iterator[_Step] | None = None
        self._queued: list[bytes] = []
        self._is_waiting = False
        self._is_at_end = False  # BODYEOB was said: changes may come
        self._is_broken = False
        self._skipped = False
        self._allowance = 0
        self._frames_left = 0
        self._changes: list[Change] = []
        self._changes_left = 0

    # -- what the driver calls -------------------------------------------------------------------------------------

    @property
    def protocol(self) -> Protocol:
        """The options agreed on."""
        return self.agreed.protocol if self.agreed else Protocol.NONE

    @property
    def is_idle(self) -> bool:
        """Whether a new exchange may begin."""
        return self._steps is None and not self._is_broken

    @property
    def may_speak(self) -> bool:
        """Whether there is more to be said before the filter must answer."""
        return self._steps is not None and not (self._is_waiting or self._is_broken)

    def negotiate(self) -> None:
        """The first exchange."""
        self._begin(iter((_Step(frame(Command.OPTNEG, build_offer(self._offer))),)))

    def connect(self, name: str, family: Family = Family.UNKNOWN, port: int = 0, address: str = "") -> None:
        """A client has come. `name`: its verified name, or its address in brackets."""
        where = family.value
        if family is not Family.UNKNOWN:
            where += port.to_bytes(2) + _text(address)
        self._tell(Command.CONNECT, _text(name) + where)

    def helo(self, name: str) -> None:
        """It said HELO or EHLO."""
        self._tell(Command.HELO, _text(name))

    def mail(self, sender: str, args: tuple[str, ...] = ()) -> None:
        """A message begins."""
        self._tell(Command.MAIL, _path(sender, args))

    def rcpt(self, recipient: str, args: tuple[str, ...] = ()) -> None:
        """A recipient."""
        self._tell(Command.RCPT, _path(recipient, args))

    def data(self) -> None:
        """The client said DATA."""
        self._tell(Command.DATA, b"")

    def unknown(self, line: bytes) -> None:
        """The client said something that is no command of ours."""
        self._tell(Command.UNKNOWN, clean(line) + b"\0")

    def message(self, content: Content) -> None:
        """The message."""
        self._begin(self._message(content))
        self._allowance = self._limits.message_bytes_max

    def abort(self) -> None:
        """The message does not go on. No answer comes; the outcome is there at once."""
        self._begin(iter((_Step(frame(Command.ABORT), is_answered=False),)))

    def quit(self, *, reuse: bool = False) -> None:
        """The client has gone. No answer comes. `reuse`: another client will be told of (version 6)."""
        self._begin(iter((_Step(frame(Command.QUIT_NC if reuse else Command.QUIT), is_answered=False),)))

    def receive(self, data: bytes) -> None:
        """Bytes from the filter. Raises ProtocolError; then the connection must be closed."""
        if self._is_broken:
            return
        try:
            self._receive(data)
        except ProtocolError:
            self._is_broken = True
            raise

    def outgoing(self) -> bytes:
        """Take bytes to be written: as many as may be said by now, a piece at a time."""
        pieces, self._queued = self._queued, []
        size = sum(map(len, pieces))
        while self._steps is not None and not self._is_waiting and size < _PIECE_BYTES:
            step = next(self._steps, None)
            if step is None:
                self._end(CONTINUE)
                break
            pieces.append(step.data)
            size += len(step.data)
            self._is_waiting = step.is_answered
        return b"".join(pieces)

    # -- exchanges -------------------------------------------------------------------------------------------------

    def _begin(self, steps: Iterator[_Step]) -> None:
        if self._is_broken or self._steps is not None:
            raise RuntimeError("the exchange before has not ended, or broke the connection: a defect of the driver")
        self.outcome = None
        self._steps = steps
        self._is_waiting = self._is_at_end = self._skipped = False
        self._allowance = self._limits.command_bytes_max
        self._frames_left = _FRAMES_MAX
        self._changes = []
        self._changes_left = self._limits.changes_max

    def _end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._steps = None
        self._is_waiting = False

    def _tell(self, command: Command, data: bytes) -> None:
        """One command with its macros; macros are told even where the command itself is not wanted, as by Postfix."""
        macros = self._macros(command)
        is_wanted = not _FLAGS[command].without & self.protocol
        step = self._step(command, data, macros) if is_wanted else _Step(macros, is_answered=False)
        self._begin(iter((step,)))

    def _step(self, command: Command, data: bytes, before: bytes = b"") -> _Step:
        return _Step(before + frame(command, data), not _FLAGS[command].unanswered & self.protocol)

    def _macros(self, command: Command) -> bytes:
        stage = _FLAGS[command].stage
        if stage is None:
            return b""
        asked = self.agreed.macros if self.agreed else {}
        return build_macros(command, asked.get(stage, USUAL[stage]), self.known)

    def _message(self, content: Content) -> Iterator[_Step]:
        if Protocol.NOHDRS not in self.protocol:
            yield from self._headers(content)
        self._skipped = False
        macros = self._macros(Command.EOH)
        if Protocol.NOEOH not in self.protocol:
            yield self._step(Command.EOH, b"", macros)
        if Protocol.NOBODY not in self.protocol:
            yield from self._body(content.body)
        macros = self._macros(Command.BODYEOB)
        self._is_at_end = True
        yield _Step(macros + frame(Command.BODYEOB))

    def _headers(self, content: Content) -> Iterator[_Step]:
        leading_space = Protocol.HDR_LEADSPC in self.protocol
        is_answered = Protocol.NR_HDR not in self.protocol
        size = self._data_bytes
        for field in content.fields:
            if self._skipped:
                return
            if field.name:
                # What is too long for a command is cut: no filter would read it.
                name = field.name[: size // 2]
                value = field.value(leading_space=leading_space)[: size - len(name) - 2]
                yield _Step(frame(Command.HEADER, b"%b\0%b\0" % (name, value)), is_answered)

    def _body(self, body: bytes) -> Iterator[_Step]:
        is_answered = Protocol.NR_BODY not in self.protocol
        size = self._data_bytes
        for start in range(0, len(body), size):
            if self._skipped:
                return
            yield _Step(frame(Command.BODY, body[start : start + size]), is_answered)

    @property
    def _data_bytes(self) -> int:
        return self.agreed.data_bytes if self.agreed else Offer().data_bytes

    # -- responses -------------------------------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        self._frames.add(data)
        while self._is_waiting and (found := self._frames.next(self._allowance)) is not None:
            code, body = found
            self._allowance -= len(body) + 1
            self._frames_left -= 1
            if self._frames_left < 0:
                raise ProtocolError(f"more than {_FRAMES_MAX} frames")
            if self.agreed is None:
                self._agree(code, body)
            else:
                self._respond(parse_response(code, body), self.agreed)
        if not self._is_waiting and self._frames:
            raise ProtocolError("it spoke unasked")

    def _agree(self, code: int, data: bytes) -> None:
        if code != Command.OPTNEG:
            raise ProtocolError(f"{code:#x} where its options should be")
        self.agreed = parse_answer(data, self._offer)
        self._end(CONTINUE)

    def _respond(self, response: Decision | Progress | Skip | Change, agreed: Agreed) -> None:
        match response:
            case Progress():
                pass
            case Skip():
                if Protocol.SKIP not in agreed.protocol or self._is_at_end:
                    raise ProtocolError("SKIP was not agreed on")
                self._skipped = True
                self._go_on()
            case Decision(How.CONTINUE):
                self._go_on()
            case Decision():
                self._end(Outcome(response, tuple(self._changes)))
            case _:
                self._change(response, agreed)

    def _go_on(self) -> None:
        """An answer that lets us say the next; after the last it ends the exchange."""
        self._is_waiting = False
        if self._is_at_end:
            self._end(Outcome(CONTINUE.decision, tuple(self._changes)))

    def _change(self, change: Change, agreed: Agreed) -> None:
        if not self._is_at_end:
            raise ProtocolError(f"{type(change).__name__} before the end of a message")
        wanted = needed(change)
        if wanted not in agreed.actions and not (wanted is Action.ADDRCPT and Action.ADDRCPT_PAR in agreed.actions):
            raise ProtocolError(f"{type(change).__name__} was not agreed on")
        if not isinstance(change, ReplaceBody):
            self._changes_left -= 1
            if self._changes_left < 0:
                raise ProtocolError(f"more than {self._limits.changes_max} changes")
        self._changes.append(change)


class _Flags(NamedTuple):
    """Of a command: where its macros belong, the option that leaves it out, the one that leaves its answer out."""

    stage: Stage | None
    without: Protocol
    unanswered: Protocol


_FLAGS: Final[Mapping[Command, _Flags]] = {
    Command.CONNECT: _Flags(Stage.CONNECT, Protocol.NOCONNECT, Protocol.NR_CONN),
    Command.HELO: _Flags(Stage.HELO, Protocol.NOHELO, Protocol.NR_HELO),
    Command.MAIL: _Flags(Stage.MAIL, Protocol.NOMAIL, Protocol.NR_MAIL),
    Command.RCPT: _Flags(Stage.RCPT, Protocol.NORCPT, Protocol.NR_RCPT),
    Command.DATA: _Flags(Stage.DATA, Protocol.NODATA, Protocol.NR_DATA),
    Command.UNKNOWN: _Flags(None, Protocol.NOUNKNOWN, Protocol.NR_UNKN),
    Command.EOH: _Flags(Stage.EOH, Protocol.NOEOH, Protocol.NR_EOH),
    Command.BODYEOB: _Flags(Stage.EOM, Protocol.NONE, Protocol.NONE),
}


def _text(value: str) -> bytes:
    return clean(value.encode("utf-8", "surrogateescape")) + b"\0"


def _path(address: str, args: tuple[str, ...]) -> bytes:
    return b"".join(map(_text, (f"<{address}>", *args)))

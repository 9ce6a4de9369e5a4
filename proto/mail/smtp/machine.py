"""The SMTP, submission or LMTP server as a machine: bytes in, events out; replies in, bytes out.

    machine.receive(data)
    for event in machine.events():      # stops at an event until it is answered
        machine.accept()                # or machine.send(Reply(...)), or machine.challenge(...)
    transport.write(machine.outgoing())

Laws. One command is answered before the next is looked at, so pipelined commands (RFC 2920) never overtake a decision.
What arrives in the clear around STARTTLS is thrown away, never run under TLS (RFC 3207 6, CVE-2011-0411). Bytes
that were meant as a message are never run as commands. A reply is owed for each event, and no event is made twice.
"""

import binascii
from collections.abc import Callable, Iterator, Sequence

from mail.smtp import grammar, replies
from mail.smtp.content import Content, DottedContent, Newlines
from mail.smtp.events import (
    Auth,
    AuthCancelled,
    AuthResponse,
    DataStart,
    Event,
    Expand,
    Hello,
    Help,
    MailFrom,
    Message,
    Noop,
    Quit,
    RcptTo,
    Rejected,
    Reset,
    StartTls,
    Verify,
)
from mail.smtp.limits import Limits
from mail.smtp.offers import Offers, keywords
from mail.smtp.parameters import Refusal, parse_mail, parse_rcpt
from mail.smtp.replies import Reply
from mail.smtp.states import END, RESPONSE, TRANSITIONS, Role, State

_CANNED = {
    kind: reply.encode()
    for kind, reply in {
        MailFrom: replies.SENDER_OK,
        RcptTo: replies.RECIPIENT_OK,
        DataStart: replies.START_MAIL,
        Message: replies.OK,
        Auth: replies.AUTHENTICATED,
        AuthResponse: replies.AUTHENTICATED,
        StartTls: replies.TLS_READY,
        Reset: replies.OK,
        Verify: replies.WILL_TRY,
        Expand: replies.NO_EXPAND,
        Help: replies.HELP,
        Noop: replies.OK,
        Quit: replies.BYE,
    }.items()
}
_FOREIGN = {b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"PRI"}  # a browser led here against its will
_LOGGED_BYTES_MAX = 100
_TOO_LONG = b"\n"  # stands for a line that was not kept; no line has an LF in it
_DATA_START, _RESET, _HELP, _NOOP, _QUIT, _START_TLS = DataStart(), Reset(), Help(), Noop(), Quit(), StartTls()
# What goes wrong most often out of order, in words; the rest is BAD_SEQUENCE.
_WHY = {
    (State.READY, b"RCPT"): replies.MAIL_FIRST,
    (State.READY, b"DATA"): replies.MAIL_FIRST,
    (State.MAIL, b"MAIL"): replies.NESTED_MAIL,
    (State.RCPT, b"MAIL"): replies.NESTED_MAIL,
    (State.MAIL, b"DATA"): replies.NO_RECIPIENTS,
    (State.MAIL, b"BDAT"): replies.NO_RECIPIENTS,
}


class ProtocolMisuse(RuntimeError):
    """The driver answered what was not asked, or with the wrong number of replies: a defect of the driver."""


class Server:
    """One connection, from greeting to close."""

    def __init__(
        self,
        role: Role,
        host: str,
        *,
        offers: Offers | None = None,
        limits: Limits | None = None,
        newlines: Newlines = Newlines.REFUSE,
        tls: bool = False,
    ) -> None:
        """`host` is our name for greeting and EHLO; `tls` says that the connection began with TLS."""
        self.role = role
        self.host = host
        self.offers = offers or Offers()
        self.limits = limits or Limits()
        self.newlines = newlines
        self.tls = tls
        self.authenticated = False
        self.closing = False
        """Nothing more will be read; send what is outgoing and close."""
        self.state = State.START
        self.hello: Hello | None = None
        self._input = b""
        self._at = 0
        self._skipping = False
        self._output: list[bytes] = []
        self._pending: Event | None = None
        self._mail: MailFrom | None = None
        self._rcpts: list[RcptTo] = []
        self._content: Content | None = None
        self._chunk_left = 0
        self._chunk_last = False
        self._chunk_refusal: Reply | None = None
        self._reading_chunk = False
        self._errors = self._unknowns = self._commands = self._auth_failures = 0
        self._move = TRANSITIONS[State.START][b"NOOP"]

    # -- what the driver calls -------------------------------------------------------------------------------------

    def greet(self, reply: Reply | None = None) -> None:
        """Owe the greeting (RFC 5321 3.1); one that is not positive ends the session."""
        protocol = "LMTP" if self.role is Role.LMTP else "ESMTP"
        reply = reply or Reply(220, "", f"{self.host} {protocol}")
        self._output.append(reply.encode())
        self.closing = not reply.positive

    def receive(self, data: bytes) -> None:
        """Bytes from the peer. The driver stops reading while `buffered_bytes` is more than it wants to hold."""
        if self.closing or self.state is State.TLS:
            return  # RFC 3207 6: whatever was sent in the clear behind STARTTLS is not ours to run
        self._input = self._input[self._at :] + data if self._at < len(self._input) else data
        self._at = 0

    @property
    def buffered_bytes(self) -> int:
        """How much of the input is waiting for an answer to what came before."""
        return len(self._input) - self._at

    @property
    def receiving(self) -> bool:
        """Whether a message is on its way in."""
        return self.state is State.DATA or self._reading_chunk or self.state is State.CHUNKS

    def events(self) -> Iterator[Event]:
        """All events that can be made; the one handed out last must be answered before the next (but `Rejected`)."""
        return iter(self.next_event, None)

    def next_event(self) -> Event | None:
        """The next event, or None when more input or an answer is needed. Raises nothing for any input."""
        while self._pending is None and not self.closing:
            if self.state is State.DATA:
                event = self._read_data()
                if event is None and self.state is State.DATA:
                    return None
            elif self._reading_chunk:
                event = self._read_chunk()
                if event is None and self._reading_chunk:
                    return None
            else:
                line = self._read_line()
                if line is None:
                    return None
                event = self._on_response(line) if self.state is State.AUTH else self._on_line(line)
            if event is not None:
                return event
        return None

    def accept(self) -> None:
        """Give the event its standard answer, which is positive for all but EXPN."""
        event = self._pending
        if isinstance(event, Hello):
            self._answer((self._hello_answer(event),), positive=True)
        elif event is None:
            raise ProtocolMisuse("nothing to accept")
        else:
            canned = _CANNED[type(event)]
            many = len(self._rcpts) if self.role is Role.LMTP and type(event) is Message else 1
            self._answer((canned,) * many, positive=type(event) is not Expand)

    def send(self, *answers: Reply) -> None:
        """Answer the event: one reply, or for an LMTP message one for each of its recipients."""
        event = self._pending
        wanted = len(self._rcpts) if self.role is Role.LMTP and type(event) is Message else 1
        if event is None or len(answers) != wanted:
            raise ProtocolMisuse(f"{len(answers)} replies to {type(event).__name__}")
        self._answer([reply.encode() for reply in answers], positive=any(reply.positive for reply in answers))
        if answers[0].code == 421:  # RFC 5321 3.8: the server closes
            self.closing = True

    def challenge(self, data: bytes) -> None:
        """Answer Auth or AuthResponse with the next challenge (RFC 4954 4)."""
        if not isinstance(self._pending, Auth | AuthResponse):
            raise ProtocolMisuse("no authentication under way")
        self._pending = None
        self._output.append(b"334 " + binascii.b2a_base64(data, newline=False) + b"\r\n")
        self.state = State.AUTH

    def tls_started(self) -> None:
        """The handshake is done: forget all that was said in the clear (RFC 3207 4.2)."""
        self.tls = True
        self.authenticated = False
        self.hello = None
        self._clear_transaction()
        self.state = State.START

    def close(self, reply: Reply) -> None:
        """End the session from our side, with a 421 (RFC 5321 3.8), whatever is pending."""
        self._pending = None
        self._output.append(reply.encode())
        self.closing = True

    def outgoing(self) -> bytes:
        """Take the bytes to be written."""
        if not self._output:
            return b""
        data = self._output[0] if len(self._output) == 1 else b"".join(self._output)
        self._output.clear()
        return data

    # -- lines -----------------------------------------------------------------------------------------------------

    def _read_line(self) -> bytes | None:
        """The next line without its LF; `_TOO_LONG` for one that was not kept; None when it has not come whole."""
        start = self._at
        end = self._input.find(b"\n", start)
        size = (end if end >= 0 else len(self._input)) - start
        too_long = self._skipping or (size >= self.limits.line_bytes_max and size >= self._line_bytes_max(start))
        if end < 0:
            if too_long:
                self._skipping = True
                self._at = len(self._input)
            return None
        self._at = end + 1
        self._skipping = False
        return _TOO_LONG if too_long else self._input[start:end]

    def _line_bytes_max(self, start: int) -> int:
        with_base64 = self.state is State.AUTH or self._input[start : start + 5].upper() == b"AUTH "
        return self.limits.auth_line_bytes_max if with_base64 else self.limits.line_bytes_max

    def _on_line(self, line: bytes) -> Event | None:
        """Check what is common to all commands, and hand over to the one of this line."""
        self._commands += 1
        if self._commands > self.limits.commands_max:
            return self._give_up(replies.TOO_MANY_COMMANDS, b"")
        if line is _TOO_LONG:
            return self._reject(replies.LINE_TOO_LONG, b"")
        if line[-1:] != b"\r" or b"\r" in line[:-1]:  # RFC 5321 2.3.8
            return self._reject(replies.BAD_LINE_END, line[:4])
        verb, _, argument = line.rstrip().partition(b" ")  # trailing white space is tolerated (RFC 5321 4.1.1)
        verb = verb.upper()
        handler = _COMMANDS[self.role].get(verb)
        if handler is None:
            return self._unknown(verb)
        move = TRANSITIONS[self.state].get(verb)
        if move is not None:
            self._move = move
        elif verb != b"BDAT":  # which first has to read its chunk
            return self._early_talk(verb) or self._reject(self._why(verb), verb)
        try:
            event = handler(self, argument)
        except Refusal as refusal:
            return self._early_talk(verb) or self._reject(refusal.reply, verb if verb == b"AUTH" else line)
        if not self.closing:
            self._pending = event
        return event

    def _unknown(self, verb: bytes) -> Event:
        """Only the beginning is told, as it may be a password sent at the wrong moment."""
        self._unknowns += 1
        if verb in _FOREIGN:
            return self._give_up(replies.NOT_SMTP, verb)
        if self._unknowns > self.limits.unknown_max:
            return self._give_up(replies.TOO_MANY_ERRORS, verb[:4])
        return self._reject(replies.UNKNOWN, verb[:4])

    def _why(self, verb: bytes) -> Reply:
        if self.state is State.START:
            return replies.LHLO_FIRST if self.role is Role.LMTP else replies.HELLO_FIRST
        if self.state is State.FAILED:
            return replies.RSET_FIRST
        return _WHY.get((self.state, verb), replies.BAD_SEQUENCE)

    def _early_talk(self, verb: bytes) -> Event | None:
        """After a refused DATA, what is there already was meant as its message: never run it (RFC 2920 3.1)."""
        if verb == b"DATA" and self._at < len(self._input):
            return self._give_up(replies.EARLY_TALK, verb)
        return None

    def _reject(self, reply: Reply, line: bytes) -> Event:
        self._errors += 1
        if self._errors > self.limits.errors_max:
            return self._give_up(replies.TOO_MANY_ERRORS, line)
        self._output.append(reply.encode())
        return Rejected(reply, line.rstrip()[:_LOGGED_BYTES_MAX])

    def _give_up(self, reply: Reply, line: bytes) -> Event:
        self.close(reply)
        return Rejected(reply, line[:_LOGGED_BYTES_MAX])

    # -- commands, each given its argument -------------------------------------------------------------------------

    def _on_helo(self, argument: bytes) -> Event:
        return _hello("HELO", argument)

    def _on_ehlo(self, argument: bytes) -> Event:
        return _hello("EHLO", argument)

    def _on_lhlo(self, argument: bytes) -> Event:
        return _hello("LHLO", argument)

    def _on_mail(self, argument: bytes) -> Event:
        if self.offers.tls_required and not self.tls:
            raise Refusal(replies.TLS_FIRST)  # RFC 3207 4
        if self.offers.auth_required and not self.authenticated:
            raise Refusal(replies.AUTH_FIRST)  # RFC 4954 6, RFC 6409 4.3
        return parse_mail(argument, self.limits)

    def _on_rcpt(self, argument: bytes) -> Event:
        assert self._mail is not None
        rcpt = parse_rcpt(argument, self.limits, smtputf8=self._mail.smtputf8)
        if len(self._rcpts) >= self.limits.recipients_max:
            raise Refusal(replies.TOO_MANY_RECIPIENTS)
        return rcpt

    def _on_data(self, argument: bytes) -> Event:
        _no(argument)
        assert self._mail is not None
        if self._mail.body == "BINARYMIME":
            raise Refusal(replies.BINARY_NEEDS_BDAT)  # RFC 3030 3
        return _DATA_START

    def _on_rset(self, argument: bytes) -> Event:
        _no(argument)
        return _RESET

    def _on_quit(self, argument: bytes) -> Event:
        _no(argument)
        return _QUIT

    def _on_noop(self, _argument: bytes) -> Event:
        return _NOOP

    def _on_help(self, _argument: bytes) -> Event:
        return _HELP

    def _on_vrfy(self, argument: bytes) -> Event:
        return Verify(_text(argument))

    def _on_expn(self, argument: bytes) -> Event:
        return Expand(_text(argument))

    def _on_starttls(self, argument: bytes) -> Event:
        _no(argument)
        if self.tls:
            raise Refusal(replies.TLS_ACTIVE)
        if not self.offers.starttls:
            raise Refusal(replies.NOT_OFFERED)
        return _START_TLS

    # -- AUTH (RFC 4954) -------------------------------------------------------------------------------------------

    def _on_auth(self, argument: bytes) -> Event:
        if self.authenticated:
            raise Refusal(replies.AUTH_DONE)
        if not self.offers.mechanisms_tls and not self.offers.mechanisms_clear:
            raise Refusal(replies.NOT_OFFERED)
        found = grammar.AUTH.fullmatch(argument)
        if found is None:
            raise Refusal(replies.AUTH_BASE64 if argument else replies.NEEDS_ARGUMENT)
        name = found[1].decode().upper()
        if name not in self.offers.mechanisms(tls=self.tls):
            raise Refusal(replies.AUTH_NEEDS_TLS if name in self.offers.mechanisms_tls else replies.AUTH_UNKNOWN)
        if found[2] is None:
            return Auth(name, None)
        initial = b"" if found[2] == b"=" else _from_base64(found[2])
        if initial is None:
            raise Refusal(replies.AUTH_BASE64)
        return Auth(name, initial)

    def _on_response(self, line: bytes) -> Event:
        self._move = TRANSITIONS[State.AUTH][RESPONSE]
        response = _from_base64(line[:-1]) if line[-1:] == b"\r" and line is not _TOO_LONG else None
        if response is not None:
            self._pending = AuthResponse(response)
            return self._pending
        self.state = self._move.no
        refusal = replies.AUTH_CANCELLED if line == b"*\r" else replies.AUTH_BASE64
        if line is _TOO_LONG:
            refusal = replies.AUTH_TOO_LONG
        rejected = self._reject(refusal, b"")
        return rejected if self.closing else AuthCancelled(refusal)

    # -- messages --------------------------------------------------------------------------------------------------

    def _read_data(self) -> Event | None:
        content = self._content
        assert isinstance(content, DottedContent)
        used = content.feed(self._input, self._at)
        if used >= 0:
            self._at = used
            return self._message(content, self.newlines)
        self._input = b""
        self._at = 0
        if content.overflow_bytes > self.limits.discard_bytes_max:
            return self._give_up(replies.TOO_MUCH_DATA, b"")
        return None

    def _on_bdat(self, argument: bytes) -> Event | None:
        """Begin a chunk. Also one that is out of order is read to its end: its bytes are no commands (RFC 3030 2)."""
        found = grammar.BDAT.fullmatch(argument)
        if found is None:
            return self._give_up(replies.BAD_CHUNK, b"BDAT")
        self._chunk_left = int(found[1])
        self._chunk_last = found[2] is not None
        in_order = b"BDAT" in TRANSITIONS[self.state]
        self._chunk_refusal = None if in_order else self._why(b"BDAT")
        if in_order and self._content is None:
            self._content = Content(self.limits.message_bytes_max)
        read_before = self._content.overflow_bytes if self._content else 0
        if read_before + self._chunk_left > self.limits.discard_bytes_max:
            return self._give_up(replies.TOO_MUCH_DATA, b"BDAT")
        self._reading_chunk = True
        return None

    def _read_chunk(self) -> Event | None:
        piece = self._input[self._at : self._at + self._chunk_left]
        self._at += len(piece)
        self._chunk_left -= len(piece)
        if self._content is not None and self._chunk_refusal is None:
            self._content.add_chunk(piece)
        if self._chunk_left:
            return None
        self._reading_chunk = False
        return self._chunk_done()

    def _chunk_done(self) -> Event | None:
        if self._chunk_refusal is not None:
            return self._reject(self._chunk_refusal, b"BDAT")
        content = self._content
        assert content is not None
        assert self._mail is not None
        if self._chunk_last:
            return self._message(content, None if self._mail.body == "BINARYMIME" else self.newlines)
        if content.overflow_bytes:
            self.state = TRANSITIONS[self.state][b"BDAT"].no
            return self._reject(replies.TOO_LARGE, b"BDAT")
        self.state = TRANSITIONS[self.state][b"BDAT"].yes
        self._output.append(b"250 2.0.0 Ok\r\n")
        return None

    def _message(self, content: Content, newlines: Newlines | None) -> Event:
        body = None if content.overflow_bytes else content.take(newlines)
        if body is None or len(body) > self.limits.message_bytes_max:
            too_large = content.overflow_bytes or body is not None
            return self._refuse_message(replies.TOO_LARGE if too_large else replies.BARE_NEWLINE)
        assert self._mail is not None
        self._move = TRANSITIONS[self.state][END]
        self._content = None
        self._pending = Message(body, self._mail, tuple(self._rcpts))
        return self._pending

    def _refuse_message(self, reply: Reply) -> Event:
        """In LMTP each recipient hears it (RFC 2033 4.2)."""
        others = len(self._rcpts) - 1 if self.role is Role.LMTP else 0
        self.state = TRANSITIONS[self.state][END].no
        self._clear_transaction()
        self._output.extend([reply.encode()] * others)
        return self._reject(reply, b"")

    # -- answers ---------------------------------------------------------------------------------------------------

    def _hello_answer(self, hello: Hello) -> bytes:
        if not hello.extended:
            return Reply(250, "", self.host).encode()
        return keywords(
            self.host,
            self.offers,
            tls=self.tls,
            authenticated=self.authenticated,
            message_bytes_max=self.limits.message_bytes_max,
            recipients_max=self.limits.recipients_max,
        )

    def _answer(self, encoded: Sequence[bytes], *, positive: bool) -> None:
        """Queue the answer, move to the next state, and do what the event means for us."""
        event = self._pending
        self._pending = None
        self._output.extend(encoded)
        self.state = self._move.yes if positive else self._move.no
        if positive:
            self._accepted(event)
        else:
            self._refused(event, permanent=encoded[0][:1] == b"5")

    def _accepted(self, event: Event | None) -> None:
        match event:
            case RcptTo():
                self._rcpts.append(event)
            case MailFrom():
                self._mail = event
            case DataStart():
                self._content = DottedContent(self.limits.message_bytes_max)
            case Message():
                self._clear_transaction()
                self._errors = self._commands = 0
            case Hello():
                self.hello = event
                self._clear_transaction()  # RFC 5321 4.1.4: as RSET
            case Reset():
                self._clear_transaction()
            case Auth() | AuthResponse():
                self.authenticated = True
            case Quit():
                self.closing = True
            case StartTls():
                self._input = b""
                self._at = 0
            case _:
                pass

    def _refused(self, event: Event | None, *, permanent: bool) -> None:
        self._errors += permanent
        match event:
            case Message():
                self._clear_transaction()
            case DataStart():
                self._early_talk(b"DATA")
            case Auth() | AuthResponse():
                self._auth_failures += permanent  # a directory that is down is not the client's fault
                if self._auth_failures >= self.limits.auth_failures_max:
                    self.close(replies.TOO_MANY_AUTH)
            case _:
                pass
        if self._errors > self.limits.errors_max and not self.closing:
            self.close(replies.TOO_MANY_ERRORS)

    def _clear_transaction(self) -> None:
        self._mail = None
        self._rcpts = []
        self._content = None


def _hello(verb: str, argument: bytes) -> Hello:
    if not grammar.HELLO.fullmatch(argument):
        raise Refusal(replies.BAD_HELLO)
    return Hello(verb, argument.decode("utf-8", "backslashreplace"))


def _no(argument: bytes) -> None:
    if argument:
        raise Refusal(replies.NO_ARGUMENT)


def _text(argument: bytes) -> str:
    if not argument:
        raise Refusal(replies.NEEDS_ARGUMENT)
    return argument.decode("utf-8", "backslashreplace")


def _from_base64(data: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(data, strict_mode=True) if data else b""
    except binascii.Error:
        return None


_ANYWHERE: dict[bytes, Callable[[Server, bytes], Event | None]] = {
    b"MAIL": Server._on_mail,
    b"RCPT": Server._on_rcpt,
    b"DATA": Server._on_data,
    b"BDAT": Server._on_bdat,
    b"RSET": Server._on_rset,
    b"NOOP": Server._on_noop,
    b"QUIT": Server._on_quit,
    b"VRFY": Server._on_vrfy,
    b"EXPN": Server._on_expn,
    b"HELP": Server._on_help,
    b"AUTH": Server._on_auth,
    b"STARTTLS": Server._on_starttls,
}
_SMTP = _ANYWHERE | {b"HELO": Server._on_helo, b"EHLO": Server._on_ehlo}
# RFC 2033 4.1: LHLO takes the place of HELO and EHLO.
_COMMANDS = {Role.SMTP: _SMTP, Role.SUBMISSION: _SMTP, Role.LMTP: _ANYWHERE | {b"LHLO": Server._on_lhlo}}

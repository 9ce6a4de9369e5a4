"""The SMTP, submission or LMTP server as a machine: bytes in, events out; replies in, bytes out.

    machine.receive(data)
    for event in machine.events():      # stops at an event until it is answered
        machine.accept()                # or machine.send(Reply(...)), or machine.challenge(...)
    transport.write(machine.outgoing())

Laws. One command is answered before the next is looked at, so pipelined commands (RFC 2920) never overtake a decision.
What arrives in the clear around STARTTLS is thrown away, never run under TLS (RFC 3207 6, CVE-2011-0411). Bytes
that were meant as a message are never run as commands. A reply is owed for each event, and no event is made twice.

The file is long because order is one thing: what a line, a chunk, a message and an answer do to the state stands
together; grammar, content, tables and texts stand beside it.
"""

import binascii
from collections.abc import Iterator, Sequence

from mail.smtp import grammar, replies
from mail.smtp.answers import FOREIGN, STANDARD, out_of_order, priority_changed
from mail.smtp.commands import COMMANDS, from_base64
from mail.smtp.content import Content, DottedContent, Newlines
from mail.smtp.events import (
    Auth,
    AuthCancelled,
    AuthResponse,
    DataStart,
    Event,
    Expand,
    Hello,
    MailFrom,
    Message,
    Quit,
    RcptTo,
    Rejected,
    Reset,
    StartTls,
)
from mail.smtp.limits import Limits
from mail.smtp.lines import TOO_LONG, Input
from mail.smtp.offers import Offering, Offers, keywords
from mail.smtp.parameters import Refusal
from mail.smtp.replies import Reply
from mail.smtp.states import END, RESPONSE, TRANSITIONS, Role, State

_LOGGED_BYTES_MAX = 100


class ProtocolMisuse(RuntimeError):
    """The driver answered what was not asked, or with the wrong number of replies: a defect of the driver."""


class Server:
    """One connection, from greeting to close."""

    def __init__(
        self,
        role: Role,
        host: str,
        *,
        offers: Offers | Offering | None = None,
        limits: Limits | None = None,
        newlines: Newlines = Newlines.REFUSE,
        tls: bool = False,
    ) -> None:
        """`host` is our name for greeting and EHLO; `tls` says that the connection began with TLS.

        `offers` may depend on TLS and on who the client is: it is then asked again when either changes.
        """
        self.role = role
        self.host = host
        self._offering: Offering | None = None if offers is None or isinstance(offers, Offers) else offers
        self.offers = offers if isinstance(offers, Offers) else Offers()
        """What is offered now; the driver may set it too, between events."""
        self.limits = limits or Limits()
        self.newlines = newlines
        self.tls = tls
        self.authenticated = False
        self._offer()
        self.closing = False
        """Nothing more will be read; send what is outgoing and close."""
        self.state = State.START
        self.hello: Hello | None = None
        self._input = Input()
        self._output: list[bytes] = []
        self._pending: Event | None = None
        self.mail: MailFrom | None = None
        """The sender, in a transaction."""
        self.rcpts: list[RcptTo] = []
        """The recipients accepted so far."""
        self._content: Content | None = None
        self._chunk_left = 0
        self._chunk_last = False
        self._chunk_refusal: Reply | None = None
        self._reading_chunk = False
        self._errors = self._unknowns = self._commands = self._auth_failures = self._mails = 0
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
        self._input.add(data)

    @property
    def buffered_bytes(self) -> int:
        """How much of the input is waiting for an answer to what came before."""
        return self._input.waiting_bytes

    @property
    def pending(self) -> Event | None:
        """The event that waits for its answer."""
        return self._pending

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
                in_auth = self.state is State.AUTH
                line = self._input.line(self.limits.line_bytes_max, self.limits.auth_line_bytes_max, base64=in_auth)
                if line is None:
                    return None
                event = self._on_response(line) if in_auth else self._on_line(line)
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
        elif type(event) is MailFrom and event.priority != event.priority_asked:
            self.send(priority_changed(event.priority))
        else:
            canned = STANDARD[type(event)]
            many = len(self.rcpts) if self.role is Role.LMTP and type(event) is Message else 1
            self._answer((canned,) * many, positive=type(event) is not Expand)

    def send(self, *answers: Reply) -> None:
        """Answer the event: one reply, or for an LMTP message one for each of its recipients."""
        event = self._pending
        wanted = len(self.rcpts) if self.role is Role.LMTP and type(event) is Message else 1
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
        self._offer()
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

    def _on_line(self, line: bytes) -> Event | None:
        """Check what is common to all commands, and hand over to the one of this line."""
        self._commands += 1
        if self._commands > self.limits.commands_max:
            return self._give_up(replies.TOO_MANY_COMMANDS, b"")
        if line is TOO_LONG:
            return self._reject(replies.LINE_TOO_LONG, b"")
        if line[-1:] != b"\r" or b"\r" in line[:-1]:  # RFC 5321 2.3.8
            return self._reject(replies.BAD_LINE_END, line[:4])
        verb, _, argument = line.rstrip().partition(b" ")  # trailing white space is tolerated (RFC 5321 4.1.1)
        verb = verb.upper()
        if verb == b"BDAT":
            return self._on_bdat(argument)  # in order or not, its chunk is read
        command = COMMANDS[self.role].get(verb)
        if command is None:
            return self._unknown(verb)
        move = TRANSITIONS[self.state].get(verb)
        if move is None:
            return self._early_talk(verb) or self._reject(out_of_order(self.role, self.state, verb), verb)
        if verb == b"MAIL" and self._mails_used_up():
            return self._give_up(replies.TOO_MANY_MAILS, verb)
        try:
            event = command(self, argument)
        except Refusal as refusal:
            return self._early_talk(verb) or self._reject(refusal.reply, verb if verb == b"AUTH" else line)
        self._move = move
        self._pending = event
        return event

    def _mails_used_up(self) -> bool:
        """Each MAIL counts, whatever becomes of it (RFC 9422 4.1)."""
        self._mails += 1
        return 0 < self.limits.mails_max < self._mails

    def _unknown(self, verb: bytes) -> Event:
        """Only the beginning is told, as it may be a password sent at the wrong moment."""
        self._unknowns += 1
        if verb in FOREIGN:
            return self._give_up(replies.NOT_SMTP, verb)
        if self._unknowns > self.limits.unknown_max:
            return self._give_up(replies.TOO_MANY_ERRORS, verb[:4])
        return self._reject(replies.UNKNOWN, verb[:4])

    def _early_talk(self, verb: bytes) -> Event | None:
        """After a refused DATA, what is there already was meant as its message: never run it (RFC 2920 3.1)."""
        if verb == b"DATA" and self._input.waiting_bytes:
            return self._give_up(replies.EARLY_TALK, verb)
        return None

    def _reject(self, reply: Reply, line: bytes) -> Event:
        self._errors += reply.code >= 500  # who has more recipients than we take at once errs not (RFC 5321 4.5.3.1.10)
        if self._errors > self.limits.errors_max:
            return self._give_up(replies.TOO_MANY_ERRORS, line)
        self._output.append(reply.encode())
        return Rejected(reply, line.rstrip()[:_LOGGED_BYTES_MAX])

    def _give_up(self, reply: Reply, line: bytes) -> Event:
        self.close(reply)
        return Rejected(reply, line[:_LOGGED_BYTES_MAX])

    # -- AUTH (RFC 4954) -------------------------------------------------------------------------------------------

    def _on_response(self, line: bytes) -> Event:
        self._move = TRANSITIONS[State.AUTH][RESPONSE]
        response = from_base64(line[:-1]) if line[-1:] == b"\r" and line is not TOO_LONG else None
        if response is not None:
            self._pending = AuthResponse(response)
            return self._pending
        self.state = self._move.no
        refusal = replies.AUTH_CANCELLED if line == b"*\r" else replies.AUTH_BASE64
        if line is TOO_LONG:
            refusal = replies.AUTH_TOO_LONG
        rejected = self._reject(refusal, b"")
        return rejected if self.closing else AuthCancelled(refusal)

    # -- messages --------------------------------------------------------------------------------------------------

    def _read_data(self) -> Event | None:
        content = self._content
        assert isinstance(content, DottedContent)
        used = content.feed(self._input.data, self._input.at)
        if used >= 0:
            self._input.at = used
            return self._message(content, self.newlines)
        self._input.clear()
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
        self._chunk_refusal = None if in_order else out_of_order(self.role, self.state, b"BDAT")
        if not self.offers.chunking:
            self._chunk_refusal = replies.NOT_OFFERED
        elif in_order and self._content is None:
            self._content = Content(self.limits.message_bytes_max)
        read_before = self._content.overflow_bytes if self._content else 0
        if read_before + self._chunk_left > self.limits.discard_bytes_max:
            return self._give_up(replies.TOO_MUCH_DATA, b"BDAT")
        self._commands -= in_order and self._chunk_left > 0  # a large message is many chunks, bounded by its size
        self._reading_chunk = True
        return None

    def _read_chunk(self) -> Event | None:
        piece = self._input.take(self._chunk_left)
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
        assert self.mail is not None
        if self._chunk_last:
            return self._message(content, None if self.mail.body == "BINARYMIME" else self.newlines)
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
        assert self.mail is not None
        self._move = TRANSITIONS[self.state][END]
        self._content = None
        self._pending = Message(body, self.mail, tuple(self.rcpts))
        return self._pending

    def _refuse_message(self, reply: Reply) -> Event:
        """In LMTP each recipient hears it (RFC 2033 4.2)."""
        others = len(self.rcpts) - 1 if self.role is Role.LMTP else 0
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
            mails_max=self.limits.mails_max,
            domains_max=self.limits.domains_max,
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
                self.rcpts.append(event)
            case MailFrom():
                self.mail = event
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
                self._offer()
            case Quit():
                self.closing = True
            case StartTls():
                self._input.clear()
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

    def _offer(self) -> None:
        if self._offering is not None:
            self.offers = self._offering(self.tls, self.authenticated)

    def _clear_transaction(self) -> None:
        self.mail = None
        self.rcpts = []
        self._content = None

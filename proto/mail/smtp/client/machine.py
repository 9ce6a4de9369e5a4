"""The SMTP or LMTP client as a machine: bytes in, events out; transactions in, bytes out.

    for event in client.receive(data): ...   # Ready: start_tls(), authenticate(), or, while there is room, send()
    transport.write(client.outgoing())

Laws. Replies answer commands in their order, each command once; a reply to nothing ends the connection. What came in
the clear before TLS is forgotten (RFC 3207 4.2). `delivered` is only said of a positive answer to a message that has
left whole. Every transaction that was taken is finished with one result for each recipient, whatever happens.

With PIPELINING (RFC 2920) MAIL, RCPT and DATA, or BDAT with its chunk, are one write, and the next transaction goes
behind the end of the last. After BDAT that goes behind a RSET, as a failed BDAT leaves a state that nobody knows
(RFC 3030 2).

The file is long because order is one thing: what each reply means at each place stands together.
"""

import binascii
from collections import deque
from enum import Enum
from typing import Final

from mail.smtp.client import auth, envelope
from mail.smtp.client.capabilities import PLAIN, Capabilities, parse_hello
from mail.smtp.client.content import dotted
from mail.smtp.client.envelope import Transaction
from mail.smtp.client.events import (
    Authenticated,
    AuthFailed,
    Closed,
    Event,
    Finished,
    Ready,
    Settled,
    TlsGo,
    TlsRefused,
    Where,
)
from mail.smtp.client.replies import ReplyReader
from mail.smtp.replies import Reply

FLIGHTS_MAX: Final = 2  # one that waits for its last answer, one behind it: what an ending connection leaves unknown
EAGER_BYTES_MAX: Final = 256 * 1024  # a larger chunk waits for MAIL and RCPT: they may be refused
_START, _MAILED, _DATA, _SENT, _DRAINED = range(5)  # how far a transaction has come


class Phase(Enum):
    """Where a connection stands."""

    GREETING = "greeting"
    HELLO = "hello"
    READY = "ready"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    AUTH = "auth"
    QUIT = "quit"
    CLOSED = "closed"


class _Flight:
    """A transaction under way."""

    __slots__ = ("accepted", "eager", "end_bytes", "left", "refusal", "results", "stage", "transaction")

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction
        self.results: list[Settled | None] = [None] * len(transaction.targets)
        self.accepted: list[int] = []
        self.refusal: Settled | None = None  # of MAIL: then all that follows is refused for no reason of its own
        self.stage = _START
        self.eager = False  # the chunk has left with MAIL
        self.left = 0  # answers to the message that have not come
        self.end_bytes = 0  # of all that is said on the connection, when the message is


_Step = tuple[Where, "_Flight | None", int]


class Client:
    """One connection, from greeting to close."""

    def __init__(self, hello: str, *, lmtp: bool = False, tls: bool = False, flights_max: int = FLIGHTS_MAX) -> None:
        """`hello` is our name for EHLO; `tls` says that the connection began with TLS."""
        self.hello = hello
        self.lmtp = lmtp
        self.tls = tls
        self.authenticated = False
        self.phase = Phase.GREETING
        self.capabilities: Capabilities = PLAIN
        self.transactions = 0
        """How many MAIL commands were sent."""
        self.replies = 0
        """How many replies were read: whoever sends half of one makes no progress."""
        self._flights_max = flights_max
        self._reader = ReplyReader()
        self._output: list[bytes] = []
        self._taken_bytes = 0  # of output, in all
        self._events: list[Event] = []
        self._steps: deque[_Step] = deque([("greeting", None, 0)])
        self._flights: deque[_Flight] = deque()
        self._dirty = False  # the server may have a transaction open, or be in a state that only RSET leads out of
        self._extended = True  # EHLO or LHLO is what was said last
        self._exchange: auth.Exchange | None = None
        self._mechanism = ""
        self._challenges = 0
        self._gave_up = ""

    # -- what the driver calls -------------------------------------------------------------------------------------

    @property
    def room(self) -> bool:
        """Whether another transaction can be sent now."""
        if self.phase is not Phase.READY or self.exhausted:
            return False
        flights = self._flights
        if not flights:
            return not self._steps
        return self.capabilities.pipelining and len(flights) < self._flights_max and flights[-1].stage >= _SENT

    @property
    def exhausted(self) -> bool:
        """Whether the server takes no more transactions on this connection (RFC 9422 MAILMAX)."""
        return 0 < self.capabilities.transactions_max <= self.transactions

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._steps and self.phase is Phase.READY

    @property
    def flights(self) -> int:
        """How many transactions are not finished."""
        return len(self._flights)

    @property
    def waiting(self) -> Where | None:
        """What is to be answered next."""
        return self._steps[0][0] if self._steps else None

    def outgoing(self) -> bytes:
        """Take the bytes to be written."""
        if not self._output:
            return b""
        data = self._output[0] if len(self._output) == 1 else b"".join(self._output)
        self._output.clear()
        self._taken_bytes += len(data)
        return data

    def receive(self, data: bytes, *, unsent: int = 0) -> list[Event]:
        """Bytes from the server. `unsent`: so many bytes of what was outgoing have not left. Raises nothing for any
        input."""
        if self.phase not in (Phase.HANDSHAKE, Phase.CLOSED):  # RFC 3207 6
            reader = self._reader
            reader.add(data)
            while (reply := reader.next()) is not None:
                self._on_reply(reply, unsent)
                if self.phase in (Phase.HANDSHAKE, Phase.CLOSED):
                    reader.clear()
                    break
            if reader.garbled:
                self._end(f"the server sent {reader.garbled}")
        return self._take()

    def start_tls(self) -> None:
        """Ask for TLS; TlsGo or TlsRefused will follow."""
        self._say(b"STARTTLS\r\n", "starttls")
        self.phase = Phase.STARTTLS

    def tls_started(self) -> None:
        """The handshake is done: all is said anew (RFC 3207 4.2)."""
        self.tls = True
        self.capabilities = PLAIN
        self._reader.clear()
        self._say_hello()

    def authenticate(
        self, credentials: auth.Credentials, *, nonce: str, host: str = "", port: int = 25, clear: bool = False
    ) -> list[Event]:
        """Log in; Authenticated or AuthFailed will follow, or is here. `clear`: allowed without TLS."""
        mechanism = auth.choose(credentials, self.capabilities.mechanisms)
        if not mechanism:
            return [AuthFailed(None, "the server offers no mechanism that can be used")]
        if not (self.tls or clear):
            return [AuthFailed(None, "no password is sent without TLS")]
        self._mechanism, self._challenges, self._gave_up = mechanism, 0, ""
        self._exchange = auth.begin(mechanism, credentials, nonce=nonce, host=host, port=port)
        try:
            initial = next(self._exchange)
        except auth.GaveUp as error:
            return [AuthFailed(None, str(error))]
        encoded = b" " + binascii.b2a_base64(initial, newline=False) if initial else b""
        self._say(b"AUTH " + mechanism.encode() + encoded + b"\r\n", "auth")
        self.phase = Phase.AUTH
        return []

    def send(self, transaction: Transaction) -> None:
        """Begin a transaction; only where there is room. Raises BadAddress before anything is sent."""
        assert self.room
        assert transaction.targets
        offers = self.capabilities
        mail = envelope.mail_command(transaction.sender, offers, authenticated=self.authenticated)
        utf8 = transaction.sender.smtputf8
        rcpts = [envelope.rcpt_command(target, offers, smtputf8=utf8) for target in transaction.targets]
        flight = _Flight(transaction)
        self._flights.append(flight)
        self.transactions += 1
        if self._dirty:
            self._say(b"RSET\r\n", "connection", flight)
        if offers.pipelining:
            self._dirty = False
            self._send_group(flight, mail, rcpts)
        elif not self._dirty:
            self._say(mail, "mail", flight)

    def quit(self) -> None:
        """Say goodbye; Closed will follow."""
        if self.phase is Phase.READY and not self._flights:
            self._say(b"QUIT\r\n", "connection")
            self.phase = Phase.QUIT

    def lost(self, why: str) -> list[Event]:
        """The connection is gone, or given up: what was under way is finished."""
        self._end(why)
        return self._take()

    # -- writing ---------------------------------------------------------------------------------------------------

    def _say(self, data: bytes, where: Where, flight: _Flight | None = None, number: int = 0) -> None:
        self._output.append(data)
        self._steps.append((where, flight, number))

    def _say_hello(self) -> None:
        self._say(b"%b %b\r\n" % (b"LHLO" if self.lmtp else b"EHLO", self.hello.encode()), "hello")
        self.phase = Phase.HELLO
        self._extended = True

    def _send_group(self, flight: _Flight, mail: bytes, rcpts: list[bytes]) -> None:
        """All commands of a transaction at once. A chunk goes with them, but not in LMTP: how many answers it gets
        is only known when its recipients are."""
        steps = self._steps
        self._output.append(mail)
        self._output += rcpts
        steps.append(("mail", flight, 0))
        steps.extend([("rcpt", flight, number) for number in range(len(rcpts))])
        flight.stage = _MAILED
        if not self.capabilities.chunking:
            self._say(b"DATA\r\n", "data", flight)
            flight.stage = _DATA
        elif not self.lmtp and len(flight.transaction.content) <= EAGER_BYTES_MAX:
            flight.eager = True
            self._send_chunk(flight)

    def _send_chunk(self, flight: _Flight) -> None:
        content = flight.transaction.content
        self._output += (b"BDAT %d LAST\r\n" % len(content), content)
        self._sent(flight)
        self._dirty = True

    def _sent(self, flight: _Flight) -> None:
        """The whole message has left, for this machine."""
        flight.stage = _SENT
        flight.end_bytes = self._taken_bytes + sum(map(len, self._output))
        flight.left = len(flight.accepted) if self.lmtp else 1
        self._steps.extend([("end", flight, number) for number in range(flight.left)])

    def _go_on(self, flight: _Flight) -> None:
        """The next command of a transaction, all recipients known: the message, or none."""
        if not flight.accepted or flight.refusal is not None:
            self._dirty = self._dirty or flight.refusal is None
            self._finish(flight)
        elif self.capabilities.chunking:
            self._send_chunk(flight)
        else:
            self._say(b"DATA\r\n", "data", flight)
            flight.stage = _DATA

    # -- replies ---------------------------------------------------------------------------------------------------

    def _on_reply(self, reply: Reply, unsent: int) -> None:
        self.replies += 1
        if not self._steps:
            if reply.code == 421:  # RFC 5321 3.8: it may close at any time
                self._end("the server closes", reply)
            else:
                self._end("the server said something unasked")
            return
        where, flight, number = self._steps.popleft()
        if flight is None:
            self._on_session(where, reply)
        elif reply.code == 421:
            if where == "end":
                self._on_end(flight, number, reply)
            elif where == "mail":
                flight.stage = _START  # also where its chunk has left: it is not taken
            self._end("the server closes", reply, where)
        elif unsent and where == "end" and reply.code < 400 and flight.end_bytes > self._taken_bytes - unsent:
            self._end("the server took a message before it had left", None, where)
        else:
            self._on_transaction(where, flight, number, reply)

    def _on_session(self, where: Where, reply: Reply) -> None:
        """Replies before and between transactions."""
        if self.phase is Phase.QUIT:
            self._end("closed")
        elif reply.code == 421:
            self._end("the server closes", reply, where)
        elif where == "greeting":
            if reply.code == 220:
                self._say_hello()
            else:
                self._end("the server does not want us", reply, where)
        elif where == "hello":
            self._on_hello(reply)
        elif where == "starttls":
            self._on_starttls(reply)
        else:
            self._on_auth(reply)

    def _on_hello(self, reply: Reply) -> None:
        if reply.code // 100 == 2:
            self.capabilities = parse_hello(reply.text) if self._extended else PLAIN
            self.phase = Phase.READY
            self._events.append(Ready())
        elif reply.code >= 500 and self._extended and not self.lmtp:
            self._extended = False
            self._say(f"HELO {self.hello}\r\n".encode(), "hello")  # RFC 5321 3.2
        else:
            self._end("the server does not want us", reply, "hello")

    def _on_starttls(self, reply: Reply) -> None:
        if reply.code == 220:
            self.phase = Phase.HANDSHAKE
            self._events.append(TlsGo())
        else:
            self.phase = Phase.READY
            self._events.append(TlsRefused(reply))

    def _on_auth(self, reply: Reply) -> None:
        if reply.code == 334 and not self._gave_up:
            self._answer_challenge(reply)
            return
        self.phase = Phase.READY
        proven = self._mechanism != "SCRAM-SHA-256" or self._challenges == 2
        if reply.code // 100 == 2 and proven and not self._gave_up:
            self.authenticated = True
            self._events.append(Authenticated())
        elif reply.code // 100 in (2, 3):
            self._end(self._gave_up or "the server did not prove that it knows the password", None, "auth")
        else:
            self._events.append(AuthFailed(reply, self._gave_up))

    def _answer_challenge(self, reply: Reply) -> None:
        assert self._exchange is not None
        self._challenges += 1
        text = reply.text.strip()[: auth.CHALLENGE_BYTES_MAX]
        try:
            challenge = binascii.a2b_base64(text, strict_mode=True) if text else b""
            answer = binascii.b2a_base64(self._exchange.send(challenge), newline=False)
        except (binascii.Error, ValueError, StopIteration):
            self._gave_up, answer = "a challenge that cannot be answered", b"*"  # RFC 4954 4: the exchange is cancelled
        except auth.GaveUp as error:
            self._gave_up, answer = str(error), b"*"
        self._say(answer + b"\r\n", "auth")

    def _on_transaction(self, where: Where, flight: _Flight, number: int, reply: Reply) -> None:
        if where == "rcpt":
            self._on_rcpt(flight, number, reply)
        elif where == "end":
            self._on_end(flight, number, reply)
        elif where == "mail":
            self._on_mail(flight, reply)
        elif where == "data":
            self._on_data(flight, reply)
        else:  # RSET
            self._on_reset(flight, reply)

    def _on_reset(self, flight: _Flight, reply: Reply) -> None:
        if reply.code // 100 != 2:
            self._end("the server does not take RSET", reply)
        elif not self.capabilities.pipelining:
            self._dirty = False
            sender = flight.transaction.sender
            mail = envelope.mail_command(sender, self.capabilities, authenticated=self.authenticated)
            self._say(mail, "mail", flight)

    def _on_mail(self, flight: _Flight, reply: Reply) -> None:
        kind = reply.code // 100
        if kind == 3:
            self._end("the server answered MAIL with 3xx")
        elif kind != 2:
            flight.refusal = _refused(reply, "mail")
            if flight.stage == _START:
                self._finish(flight)
        elif flight.stage == _START:
            flight.stage = _MAILED
            self._say_rcpt(flight, 0)

    def _say_rcpt(self, flight: _Flight, number: int) -> None:
        transaction = flight.transaction
        command = envelope.rcpt_command(
            transaction.targets[number], self.capabilities, smtputf8=transaction.sender.smtputf8
        )
        self._say(command, "rcpt", flight, number)

    def _on_rcpt(self, flight: _Flight, number: int, reply: Reply) -> None:
        kind = reply.code // 100
        if kind == 3:
            self._end("the server answered RCPT with 3xx")
            return
        if kind == 2:
            flight.accepted.append(number)
        else:
            flight.results[number] = _refused(reply, "rcpt")
        if flight.stage != _MAILED:
            return
        if number + 1 == len(flight.results):
            self._go_on(flight)
        elif not self.capabilities.pipelining:
            self._say_rcpt(flight, number + 1)

    def _on_data(self, flight: _Flight, reply: Reply) -> None:
        if reply.code // 100 == 2:
            self._end("the server answered DATA with 2xx")
        elif reply.code != 354:
            refusal = _refused(reply, "data")
            for number in flight.accepted:
                flight.results[number] = refusal
            self._dirty = True
            self._finish(flight)
        elif flight.accepted and flight.refusal is None:
            self._output.append(dotted(flight.transaction.content))
            self._sent(flight)
        elif self.lmtp:
            self._end("the server wants a message for nobody")  # which nobody would answer (RFC 2033 4.2)
        else:
            self._say(b".\r\n", "end", flight)  # RFC 2920 3.1: nobody gets this
            flight.stage = _DRAINED
            flight.left = 1

    def _on_end(self, flight: _Flight, number: int, reply: Reply) -> None:
        kind = reply.code // 100
        if kind == 3:
            self._end("the server answered a message with 3xx", None, "end")
            return
        taken = flight.accepted if not self.lmtp else flight.accepted[number : number + 1]
        if flight.stage != _DRAINED and flight.refusal is None:
            result = Settled("delivered", reply, where="end") if kind == 2 else _refused(reply, "end")
            for index in taken:
                flight.results[index] = result
        flight.left -= 1
        if not flight.left:
            if kind == 2 and len(self._flights) == 1:
                self._dirty = False
            self._finish(flight)

    # -- ends ------------------------------------------------------------------------------------------------------

    def _finish(self, flight: _Flight) -> None:
        self._flights.popleft()
        refusal = flight.refusal
        results = [result for result in flight.results if result is not None]
        if refusal is not None:
            results = [refusal] * len(flight.results)
        assert len(results) == len(flight.results)
        self._events.append(Finished(flight.transaction, tuple(results)))

    def _end(self, why: str, reply: Reply | None = None, where: Where | None = None) -> None:
        """No more of this connection: what is certain of each transaction is kept, the rest is deferred."""
        if self.phase is Phase.CLOSED:
            return
        where = where or (self._steps[0][0] if self._steps else "connection")
        self.phase = Phase.CLOSED
        self._output.clear()
        while self._flights:
            self._events.append(_broken(self._flights.popleft(), why, reply, where))
        self._steps.clear()
        self._events.append(Closed(why, reply, where))

    def _take(self) -> list[Event]:
        events = self._events
        if events:
            self._events = []
        return events


def _refused(reply: Reply, where: Where) -> Settled:
    """4xx: later; 5xx: never. But 552 to RCPT means too many recipients at once (RFC 5321 4.5.3.1.10)."""
    later = reply.code < 500 or (reply.code == 552 and where == "rcpt")
    return Settled("deferred" if later else "failed", reply, where=where)


def _broken(flight: _Flight, why: str, reply: Reply | None, where: Where) -> Finished:
    """A transaction on a connection that ended under it."""
    if flight.refusal is not None:
        return Finished(flight.transaction, (flight.refusal,) * len(flight.results))
    sent = flight.stage == _SENT
    rest = Settled("deferred", reply, why, where, certain=not sent)
    results = tuple(rest if result is None else result for result in flight.results)
    settled = any(result is not None for result in flight.results)
    return Finished(flight.transaction, results, again=not sent and not settled)

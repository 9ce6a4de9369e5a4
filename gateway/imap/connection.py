"""One connection: bytes between the network, the grammar's machine and the session. Nothing is decided here.

The law: one command runs at a time, in the order they came; while it runs at most READ_AHEAD_BYTES of what follows are
held; what is written ahead of a client that does not read is bounded. An idle connection has no task, no timer and no
buffer of its own.
"""

import asyncio
import math
import ssl
from collections.abc import Coroutine
from typing import Any, Final, Protocol, cast

from gateway.binding import bindings
from gateway.imap import dispatch
from gateway.imap.general import capabilities, end_idle
from gateway.imap.parts import Log, Services
from gateway.imap.session import Session, State
from gateway.proxy import ip_of
from mail.imap import commands, events, render
from mail.imap.limits import BEFORE_LOGIN, Limits
from mail.imap.machine import ImapMachine
from mail.sasl import Binding

READ_AHEAD_BYTES: Final = 64 * 1024  # pipelined commands held while one runs
TLS_CLOSE_S: Final = 1.0  # for the client's close_notify: it has been told BYE and may never send one
_LIGHT_BYTES: Final = 1024 * 1024  # so much of a command may always come: ordinary mail is not kept out by large
_JOIN_BYTES: Final = 64 * 1024  # answers gathered into one write to the network


class Owner(Protocol):
    """The server, as its connections see it."""

    @property
    def tls(self) -> ssl.SSLContext | None:
        """For STARTTLS; None: there is none."""
        ...

    def opened(self, connection: "Connection") -> str:
        """Count a new connection; the reason to refuse it, or an empty string."""
        ...

    def closed(self, connection: "Connection") -> None:
        """The connection is no more."""
        ...

    def weigh(self, more_bytes: int) -> bool:
        """Count what commands on their way hold; whether all connections together hold no more than they may."""
        ...


class Connection(asyncio.Protocol):
    """The protocol object of the event loop, and the session's `Wire`."""

    __slots__ = (
        "_asked",
        "_eof",
        "_machine",
        "_out",
        "_out_bytes",
        "_owner",
        "_paused",
        "_session",
        "_task",
        "_transport",
        "_unclogged",
        "_weight_bytes",
        "clogged",
        "deadline",
        "id",
        "ip",
        "lost",
        "secure",
        "services",
        "stopping",
    )

    def __init__(self, owner: Owner, services: Services, number: str, *, secure: bool, ip: str = "") -> None:
        """`ip`: the client's address where a relay has told it; else it is the transport's."""
        self.services = services
        self.secure = secure
        self.id = number
        self.ip = ip
        self.lost = False
        self.stopping = False
        self.clogged = False
        self.deadline = math.inf  # monotonic seconds after which the server's sweep closes us
        self._owner = owner
        self._machine = ImapMachine(BEFORE_LOGIN)
        self._session = Session(services, self)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Future[bytes] | None = None  # AUTHENTICATE waits for a line
        self._unclogged: asyncio.Future[None] | None = None  # a command waits for the client to read
        self._paused = False
        self._eof = False
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._weight_bytes = 0  # of the command that comes or runs, as the server counts it

    @property
    def log(self) -> Log:
        """A log whose lines carry this connection's id; made when needed, as most connections are silent."""
        return self.services.log.bind(conn=self.id)

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """What SCRAM can be bound to here."""
        return bindings(self._transport, self._owner.tls) if self._transport is not None else ()

    @property
    def can_start_tls(self) -> bool:
        """Whether STARTTLS would work now."""
        return not self.secure and self._owner.tls is not None

    @property
    def busy(self) -> bool:
        """Whether a command runs."""
        return self._task is not None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client (RFC 3501 7.1.1), or turn it away."""
        self._transport = cast("asyncio.Transport", transport)
        self.ip = self.ip or ip_of(transport.get_extra_info("peername"))
        self._transport.set_write_buffer_limits(high=self.services.settings.write_buffer_bytes)
        if reason := self._owner.opened(self):
            self._session.bye(reason, "LIMIT")
            self.close()
            return
        self.log.info("imap.open", ip=self.ip, tls=self.secure)
        greeting = f"[CAPABILITY {capabilities(self._session)}] {self.services.settings.greeting}"
        self.write(b"* OK %b\r\n" % greeting.encode("ascii", "replace"))
        self._rest()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._task is None and self._session.state is not State.NOT_AUTHENTICATED:
            self._rest()  # a large message on a slow line may take longer than a silence may last
        self._machine.receive(data)
        if self._task is None and not self._weigh() and self._weight_bytes > _LIGHT_BYTES:
            self._session.bye("Too much is being sent at once; try again later", "UNAVAILABLE")
            self.close()
        self._advance()

    def eof_received(self) -> bool:
        """The client sends no more: what it asked is still answered, where half a connection can live (not in TLS)."""
        self._eof = True
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(ConnectionResetError())
        self._advance()
        return not self.secure

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self.clogged = True
        self.deadline = min(self.deadline, self.services.clock.monotonic() + self.services.settings.write_s)

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.clogged = False
        if self._unclogged is not None and not self._unclogged.done():
            self._unclogged.set_result(None)
        if self._task is None:
            self._session.tell_idle()
            self._rest()
            self._advance()
        else:
            self.deadline = math.inf

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is no more; a command that runs finds out when it next writes."""
        if self.lost:
            return
        self.lost = True
        self._out.clear()
        self._session.idling = None
        for waiting in (self._asked, self._unclogged):
            if waiting is not None and not waiting.done():
                waiting.set_exception(ConnectionResetError())
        self._weigh()
        if self._task is None:
            self._depart()
        self._owner.closed(self)
        self.log.info("imap.close", error=type(exc).__name__ if exc else "")

    # the session's Wire

    def write(self, data: bytes) -> None:
        """Queue bytes; they leave together, at the latest when this turn of the event loop ends."""
        if not data or self.lost:
            return
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes >= _JOIN_BYTES:
            self._flush()

    async def drain(self) -> None:
        """Wait until the client has taken enough of what was written."""
        self._flush()
        if self.clogged and not self.lost:
            self._unclogged = asyncio.get_running_loop().create_future()
            await self._unclogged
        if self.lost:
            raise ConnectionResetError

    async def ask(self, challenge: bytes) -> bytes:
        """Send a continuation request and wait for the client's line. ConnectionError when it leaves instead."""
        self._asked = asyncio.get_running_loop().create_future()
        self.write(b"+ %b\r\n" % challenge)
        self._machine.expect_line()
        self._rest()
        asyncio.get_running_loop().call_soon(self._advance)
        try:
            return await self._asked
        finally:
            self._asked = None
            self.deadline = math.inf

    def close(self) -> None:
        """Close once what was written has left; the sweep cuts off a client that does not take it."""
        self._session.ended = True
        self._flush()
        self.deadline = self.services.clock.monotonic() + self.services.settings.write_s
        if self._transport is not None:
            self._transport.close()

    # what the server asks

    def stop(self, text: str, code: str = "") -> None:
        """Say goodbye: now, or when the command that runs is answered."""
        self.stopping = True
        if self._task is None:
            self._session.bye(text, code)
            self.close()

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def expired(self) -> None:
        """The deadline has passed: the client was silent too long, or does not read."""
        self.log.info("imap.timeout", clogged=self.clogged)
        if self.clogged or self._session.ended:
            self.abort()
        else:
            self._session.bye("You were silent for too long")
            self.close()

    # from bytes to commands

    def _advance(self) -> None:
        """Take what the machine has, until a command runs, nothing is left, or the client does not read its answers."""
        while (self._task is None or self._asked is not None) and not (self._session.ended or self.clogged):
            event = next(self._machine.events(), None)
            if event is None:
                break
            self._take(event)
            if out := self._machine.outgoing():
                self.write(out)
        if self._eof and self._task is None and not self.clogged:
            self.close()
        self._flow()

    def _take(self, event: events.Event) -> None:
        session = self._session
        match event:
            case events.Command():
                self.deadline = math.inf
                self._start(self._run(event.tag, event.command))
            case events.Line():
                self._line(event.data)
            case events.Bad() if self._asked is not None or session.idling is not None:
                self._line(b"")  # a line too long for an answer
            case events.Bad():
                self.write(render.answer_line(event.tag, event.status, event.text, event.code))
                if event.status == b"BAD":
                    dispatch.mistake(session)
                self._rest()
            case events.Close():
                session.bye(event.text)
        if session.ended:
            self.close()

    def _line(self, line: bytes) -> None:
        """A line that is no command: an answer to AUTHENTICATE, or the end of IDLE."""
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(line)
        elif self._session.idling is not None:
            end_idle(self._session, line)
            self._machine.resume()
            self._rest()

    async def _run(self, tag: bytes, command: commands.Command) -> None:
        """One command from its arrival until the next may begin."""
        session = self._session
        before = session.state
        await dispatch.run(session, tag, command)
        if session.wants_tls:
            await self._start_tls()
        if session.ended or self.stopping:
            session.bye("The server is stopping", "UNAVAILABLE")
            self.close()
            return
        if before is State.NOT_AUTHENTICATED and session.state is not before:
            settings = self.services.settings
            self._machine.limits = Limits(
                line_max_bytes=settings.command_bytes_max, append_max_bytes=settings.message_bytes_max
            )
        if session.idling is not None:
            self._machine.expect_line()
        elif self._machine.waiting:
            self._machine.resume()

    async def _start_tls(self) -> None:
        """RFC 3501 6.2.1. What came in clear text behind the command is forgotten: anybody may have put it there."""
        self._session.wants_tls = False
        context, transport = self._owner.tls, self._transport
        assert context is not None
        assert transport is not None
        self._flush()
        self._machine.forget()
        loop = asyncio.get_running_loop()
        upgraded = await loop.start_tls(transport, self, context, server_side=True, ssl_shutdown_timeout=TLS_CLOSE_S)
        if upgraded is None:
            raise ConnectionResetError
        self._transport, self.secure = upgraded, True
        upgraded.set_write_buffer_limits(high=self.services.settings.write_buffer_bytes)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A command is done: on to the next, or to rest."""
        self._task = None
        self._weigh()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            if not isinstance(error, ConnectionError | ssl.SSLError):
                self.log.warning("imap.defect", error=repr(error), exc_info=error)
            self.abort()
            if not self.lost:
                # A connection that is reset during a TLS handshake is not reported by the event loop.
                self.connection_lost(error if isinstance(error, Exception) else None)
                return
        if self.lost:
            self._depart()
            return
        self._rest()
        self._advance()

    def _depart(self) -> None:
        """The connection is lost and no command runs: nothing is held any more."""
        self._session.depart()
        if self._session.selection is not None:
            self._start(self._session.leave())

    # the network

    def _weigh(self) -> bool:
        """Tell the server how much the command holds that comes; whether there is room for it."""
        before, self._weight_bytes = self._weight_bytes, 0 if self.lost else self._machine.kept_bytes
        return self._owner.weigh(self._weight_bytes - before)

    def _rest(self) -> None:
        """Between commands the client has a time to say something."""
        if self.clogged or self._session.ended:
            return
        settings = self.services.settings
        known = self._session.state is not State.NOT_AUTHENTICATED
        self.deadline = self.services.clock.monotonic() + (settings.idle_s if known else settings.login_s)

    def _flow(self) -> None:
        """Read on, unless the client is too far ahead of its answers."""
        full = (self._task is not None or self.clogged) and self._machine.held_bytes > READ_AHEAD_BYTES
        if full is self._paused or self._transport is None or self._transport.is_closing():
            return
        self._paused = full
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self.lost:
            data = b"".join(self._out)
            self._out.clear()
            self._out_bytes = 0
            self.services.metrics.bytes_out.inc(len(data))
            self._transport.write(data)

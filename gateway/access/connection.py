"""One connection of mail access: bytes between the network, a protocol's machine and its session, with time and TLS.

The law: one command runs at a time, in the order they came. Of what follows no more is held than READ_AHEAD_BYTES and
one read; what is written ahead of a client that does not read is bounded, and so is its time; a stranger, who has not
logged in, has much less of all of it (ops/docs/limits.md adds it up). An idle connection has no task, no timer and no
buffer of its own. Whatever ends a connection, the mailbox it holds is let go, and its account has one less.
"""

import asyncio
import math
import ssl
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final, Protocol, cast

from gateway.access.parts import Log, Machine, Services, Session, Why
from gateway.binding import bindings
from gateway.login import Principal
from gateway.proxy import ip_of
from mail.sasl import Binding

READ_BYTES: Final = 64 * 1024  # read from the network at once, into a buffer that all connections share
READ_AHEAD_BYTES: Final = 64 * 1024  # pipelined commands held while one runs
STRANGER_BYTES: Final = 8 * 1024  # the same two before login: nobody has more to say there
STRANGER_UNREAD_BYTES: Final = 16 * 1024  # answers before login that wait to be read
LOGIN_TIMES: Final = 3  # so many silences may pass until somebody has logged in, whatever is said meanwhile
TLS_CLOSE_S: Final = 1.0  # for the client's close_notify: it has been told goodbye and may never send one
STOPPING: Final = "The server is stopping"
REVOKED: Final = "What you logged in with is good no more"
_JOIN_BYTES: Final = 64 * 1024  # answers gathered into one write to the network


class Owner(Protocol):
    """The server, as its connections see it."""

    @property
    def tls(self) -> ssl.SSLContext | None:
        """For STARTTLS; None: there is none."""
        ...

    @property
    def room(self) -> memoryview:
        """READ_BYTES for what is read just now; whoever reads next writes over it."""
        ...

    @property
    def small_room(self) -> memoryview:
        """The first STRANGER_BYTES of it."""
        ...

    def opened(self, connection: "Connection") -> str:
        """Count a new connection; the reason to refuse it, or an empty string."""
        ...

    def closed(self, connection: "Connection") -> None:
        """The connection is no more."""
        ...

    def arrived(self, account: int) -> bool:
        """Count a connection for an account; False: it has too many."""
        ...

    def departed(self, account: int) -> None:
        """One less."""
        ...

    def guarded(self, principal: Principal, end: Callable[[], None]) -> Callable[[], None]:
        """Call `end` once what somebody has logged in with is good no more, until what is answered is called."""
        ...

    def soon(self, work: Callable[[], None]) -> None:
        """Do this in the next turn of the event loop."""
        ...


class Connection(asyncio.BufferedProtocol):
    """The protocol object of the event loop, and the session's `Wire`; a protocol fills in the abstract methods."""

    protocol: ClassVar[str]  # in small letters: how the names of its events in the log begin

    __slots__ = (
        "_account",
        "_asked",
        "_eof",
        "_login_until",
        "_machine",
        "_out",
        "_out_bytes",
        "_owner",
        "_parting",
        "_paused",
        "_release",
        "_session",
        "_task",
        "_transport",
        "_unclogged",
        "clogged",
        "deadline",
        "id",
        "ip",
        "lost",
        "secure",
        "services",
    )

    def __init__(
        self,
        owner: Owner,
        services: Services,
        number: str,
        machine: Machine,
        session: Session,
        *,
        secure: bool,
        ip: str,
    ) -> None:
        """`ip`: the client's address where a relay has told it; else it is the transport's."""
        self.services = services
        self.secure = secure
        self.id = number
        self.ip = ip
        self.lost = False
        self.clogged = False
        self.deadline = math.inf  # monotonic seconds after which the server's sweep closes us
        self._owner = owner
        self._machine = machine
        self._session = session
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Future[bytes] | None = None  # a login waits for a line
        self._unclogged: asyncio.Future[None] | None = None  # a command waits for the client to read
        self._account: int | None = None  # whose connection it counts as
        self._release: Callable[[], None] = _nothing  # what guards its login
        self._parting: tuple[Why, str] | None = None  # the last words, when the command that runs is answered
        self._login_until = math.inf  # whatever a stranger says
        self._paused = False
        self._eof = False
        self._out: list[bytes] = []
        self._out_bytes = 0

    # what a protocol says

    @abstractmethod
    def _greeting(self) -> bytes:
        """The first line."""

    @abstractmethod
    def _take(self) -> bool:
        """Deal with the machine's next event; whether there was one."""

    def _received(self) -> None:
        """Octets have come, or those that had come are not held any more."""

    def _caught_up(self) -> None:
        """A client that rests reads again."""

    def swept(self, now: float) -> None:
        """The server looks after its connections, every few seconds; `now` as the clock's monotonic."""

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
        """Greet the client, or turn it away."""
        self._transport = cast("asyncio.Transport", transport)
        self.ip = self.ip or ip_of(transport.get_extra_info("peername"))
        self._bound_transport()
        self._bound_login()
        if reason := self._owner.opened(self):
            self._session.dismiss("limit", reason)
            self.close()
            return
        self.note("open", ip=self.ip, tls=self.secure)
        self.write(self._greeting())
        self._rest()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 (BufferedProtocol's)
        """Where to read to: shared, as it is read and taken over without anything between."""
        return self._owner.room if self._session.known else self._owner.small_room

    def buffer_updated(self, nbytes: int) -> None:
        """So much was read."""
        self.data_received(bytes(self._owner.room[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._task is None and self._session.known:
            self._rest()  # a large message on a slow line may take longer than a silence may last
        self._machine.receive(data)
        self._received()
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
            self._caught_up()
        if self._task is None or self._asked is not None:
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
        for waiting in (self._asked, self._unclogged):
            if waiting is not None and not waiting.done():
                waiting.set_exception(ConnectionResetError())
        self._received()
        self._let_go()
        self._owner.closed(self)
        self.note("close", error=type(exc).__name__ if exc else "")

    # the session's Wire

    def write(self, data: bytes) -> None:
        """Queue bytes; they leave together, at the latest when this turn of the event loop ends."""
        if not data or self.lost:
            return
        if not self._out:
            self._owner.soon(self.flush)
        elif len(data) >= _JOIN_BYTES:
            self.flush()  # or what is large would be copied to be joined
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes >= _JOIN_BYTES:
            self.flush()

    def note(self, event: str, **values: object) -> None:
        """Something for the log, named after the protocol."""
        self.log.info(self._named(event), **values)

    async def drain(self) -> None:
        """Wait until the client has taken enough of what was written."""
        self.flush()
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
            if not self.clogged:
                self.deadline = math.inf

    def arrive(self, principal: Principal) -> bool:
        """Count it for the account of who has logged in; False: it has too many."""
        if not self._owner.arrived(principal.account):
            return False
        self._account = principal.account
        self._release = self._owner.guarded(principal, self._revoked)
        self._bound_transport()
        return True

    def depart(self) -> None:
        """Nobody is logged in any more."""
        account, self._account = self._account, None
        release, self._release = self._release, _nothing
        release()
        if account is not None:
            self._owner.departed(account)
            if not self.lost:
                self._bound_transport()
                self._bound_login()

    def close(self) -> None:
        """Close once what was written has left; the sweep cuts off a client that does not take it."""
        self._session.ended = True
        self.flush()
        self.deadline = self.services.clock.monotonic() + self.services.settings.write_s
        if self._transport is not None:
            self._transport.close()

    # what the server asks

    def stop(self) -> None:
        """Say goodbye: now, or when the command that runs is answered."""
        self._part("stopping", STOPPING)

    def _revoked(self) -> None:
        self.note("revoked")
        self._part("revoked", REVOKED)

    def _part(self, why: Why, text: str) -> None:
        self._parting = why, text
        if self._task is None:
            self._session.dismiss(why, text)
            self.close()

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def expired(self) -> None:
        """The deadline has passed: the client was silent too long, or does not read."""
        self.note("timeout", clogged=self.clogged)
        if self.clogged or self._session.ended:
            self.abort()
        else:
            self._session.dismiss("silent", "You were silent for too long")
            self.close()

    # from bytes to commands

    def _advance(self) -> None:
        """Take what the machine has, until a command runs, nothing is left, or the client does not read its answers."""
        while (self._task is None or self._asked is not None) and not (self._session.ended or self.clogged):
            if not self._take():
                break
        if self._eof and self._task is None and not self.clogged:
            self.close()
        self._flow()

    def _answered(self, line: bytes) -> bool:
        """Whether a login waited for this line."""
        if self._asked is None or self._asked.done():
            return False
        self._asked.set_result(line)
        return True

    async def _goes_on(self) -> bool:
        """After a command: TLS, if it was promised; whether the session goes on."""
        if self._session.wants_tls:
            await self._start_tls()
        if self._parting is not None:
            self._session.dismiss(*self._parting)
        if self._session.ended:
            self.close()
            return False
        return True

    async def _start_tls(self) -> None:
        """What came in clear text behind the command is forgotten: anybody may have put it there."""
        self._session.wants_tls = False
        context, transport = self._owner.tls, self._transport
        assert context is not None
        assert transport is not None
        self.flush()
        self._machine.forget()
        loop = asyncio.get_running_loop()
        upgraded = await loop.start_tls(transport, self, context, server_side=True, ssl_shutdown_timeout=TLS_CLOSE_S)
        if upgraded is None:
            raise ConnectionResetError
        self._transport, self.secure = upgraded, True
        self._bound_transport()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self.deadline = math.inf
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A command is done: on to the next, or to rest."""
        self._task = None
        self._received()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            if not isinstance(error, ConnectionError | ssl.SSLError):
                self.log.warning(self._named("defect"), error=repr(error), exc_info=error)
            self.abort()
            # A connection that is reset during a TLS handshake is not reported by the event loop.
            self.connection_lost(error if isinstance(error, Exception) else None)
        if self.lost:
            self._let_go()
            return
        self._rest()
        self._advance()

    def _let_go(self) -> None:
        """Of the mailbox and of the account, when nothing runs that may still want them."""
        if self._task is None:
            self.depart()
            if self._session.holds:
                self._start(self._session.leave())

    def _named(self, event: str) -> str:
        return f"{self.protocol}.{event}"

    # the network

    def _rest(self) -> None:
        """Between commands the client has a time to say something."""
        if self.clogged or self._session.ended:
            return
        settings, now = self.services.settings, self.services.clock.monotonic()
        if self._session.known:
            self.deadline = now + settings.idle_s
        else:
            self.deadline = min(now + settings.login_s, self._login_until)

    def _full(self) -> bool:
        """Whether the client is too far ahead of its answers."""
        most = READ_AHEAD_BYTES if self._session.known else STRANGER_BYTES
        return (self._task is not None or self.clogged) and self._machine.held_bytes > most

    def _flow(self) -> None:
        """Read on, or no more."""
        full = self._full()
        if full is self._paused or self._transport is None or self._transport.is_closing():
            return
        self._paused = full
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _bound_login(self) -> None:
        """From now on a stranger has this long."""
        self._login_until = self.services.clock.monotonic() + LOGIN_TIMES * self.services.settings.login_s

    def _bound_transport(self) -> None:
        """How much the transport takes before a command waits until the client reads; and how much TLS, which reads
        for itself, holds of what we do not read."""
        unread, ahead = self.services.settings.write_buffer_bytes, READ_AHEAD_BYTES
        if self._account is None:
            unread, ahead = min(unread, STRANGER_UNREAD_BYTES), STRANGER_BYTES
        if self._transport is not None:
            self._transport.set_write_buffer_limits(high=unread)
            bound = getattr(self._transport, "set_read_buffer_limits", None)  # of TLS only
            if bound is not None:
                bound(high=ahead)

    def flush(self) -> None:
        """Let what was written leave."""
        if self._out and self._transport is not None and not self.lost:
            data = b"".join(self._out)
            self._out.clear()
            self._out_bytes = 0
            self.services.metrics.bytes_out.inc(len(data))
            self._transport.write(data)


def _nothing() -> None:
    """There is nothing to let go of."""

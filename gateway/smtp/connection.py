"""One TCP connection: bytes between the transport and the protocol machine, and one coroutine that answers.

Law: every wait is bounded by the sweep of the server, every buffer by `buffer_bytes_max`: reading stops while too much
waits for an answer, answering stops while too much waits to be read.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from gateway.binding import bindings
from gateway.proxy import ip_of
from gateway.smtp import replies
from gateway.smtp.memory import Memory, Share
from gateway.smtp.parts import Log
from gateway.smtp.session import Session
from gateway.smtp.settings import SmtpSettings
from mail.smtp.events import StartTls
from mail.smtp.replies import Reply

TLS_HANDSHAKE_S = 30.0  # a client that needs longer is no client
ANSWER_S = 600.0  # a client waits so long for the answer to a message (RFC 5321 4.5.3.2.6), and has nothing to say


class Connection(asyncio.Protocol):
    """Fed by the event loop; `on_open` decides whether it is taken, and makes its session."""

    def __init__(
        self,
        *,
        settings: SmtpSettings,
        log: Log,
        tls: ssl.SSLContext | None,
        memory: Memory,
        on_open: "Callable[[Connection, str], Session | Reply]",
        on_close: "Callable[[Connection], None]",
        ip: str = "",
    ) -> None:
        """`ip`: the client's address where a relay has told it; else it is the transport's."""
        self._settings = settings
        self._log = log
        self._tls = tls
        self._share = Share(memory)
        self._on_open = on_open
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._wakeup: asyncio.Future[None] | None = None
        self._reading = True
        self._writing_paused = False
        self._draining = False
        self._lost = False
        self._at_end = False
        self._busy = False
        self._upgrading = False
        self._peer_port = 0
        self.ip = ip
        self.opened_s = self.active_s = self._loop.time()

    # -- called by the event loop ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection or turn it away."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")  # which asks the kernel each time
        self._peer_port = int(peer[1]) if isinstance(peer, tuple) else 0
        self.ip = self.ip or ip_of(peer)
        taken = self._on_open(self, self.ip)
        if isinstance(taken, Reply):
            self._transport.write(taken.encode())
            self._transport.close()
            return
        self._transport.set_write_buffer_limits(high=self._settings.buffer_bytes_max)
        self._session = taken
        taken.bindings = bindings(transport, self._tls)
        self._tell_tls(taken, transport)
        if not taken.wants_opening:
            taken.machine.greet()
            self._transport.write(taken.machine.outgoing())
        self._task = self._loop.create_task(self._run(taken))

    def data_received(self, data: bytes) -> None:
        """Bytes: to the machine, and wake the coroutine."""
        session = self._session
        if session is None:
            return
        self.active_s = self._loop.time()
        machine = session.machine
        # While a message is being answered for, what comes is no part of it.
        if machine.receiving and not self._busy and not self._share.take(len(data)):
            self._end(replies.NO_ROOM)
            return
        machine.receive(data)
        waiting_for_us = self._wakeup is None or self._writing_paused
        too_much = machine.buffered_bytes > self._settings.buffer_bytes_max
        if waiting_for_us and too_much and self._reading and not self._upgrading:
            self._reading = False
            self._active_transport().pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """The client will say no more: what it asked is answered, then the connection is closed."""
        self._at_end = True
        self._wake()
        return self._session is not None and not self._session.machine.tls  # TLS cannot be closed by half

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is asyncio's
        """Gone: what is being stored is finished, and the connection counts until then."""
        if not self._lost:
            self._lost = True
            if self._session is not None:
                self._session.closed()
            self._wake()
            if self._task is None:
                self._on_close(self)
            else:
                self._task.add_done_callback(lambda _task: self._on_close(self))

    def pause_writing(self) -> None:
        """The client does not read its replies."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self._writing_paused = False
        self._wake()

    # -- called by the server --------------------------------------------------------------------------------------

    def sweep(self, now_s: float) -> None:
        """Let go of a client that is silent, or does not read, or has been here for too long."""
        if self._session is None or self._task is None:
            return
        at_work = self._busy and not self._writing_paused
        silent = now_s - self.active_s > max(self._settings.idle_s, ANSWER_S if at_work else 0)
        if silent and (self._writing_paused or self._busy or self._task.done()):
            self.abort()
        elif silent:
            self._end(replies.IDLE)
        elif self._busy:
            return
        elif now_s - self.opened_s > self._settings.session_s_max * (1 + self._session.machine.receiving):
            self._end(replies.TOO_LONG)

    def drain(self) -> None:
        """Stop: now when nothing is on its way, else after the message."""
        self._draining = True
        if self._session is not None and not self._busy and not self._session.machine.receiving:
            self._end(replies.SHUTTING_DOWN)

    def give_up(self) -> None:
        """The time to drain is over: what has not been taken by now is not taken (RFC 5321 3.8)."""
        if self._session is not None and not self._busy:
            self._end(replies.SHUTTING_DOWN)

    def abort(self) -> None:
        """Drop the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def ends(self) -> tuple[int, str, int]:
        """The client's port, our address, our port; zeros and nothing for a Unix socket."""
        here = self._active_transport().get_extra_info("sockname")
        return (self._peer_port, ip_of(here), int(here[1])) if isinstance(here, tuple) else (self._peer_port, "", 0)

    @property
    def peer_port(self) -> int:
        """The client's port, 0 for a Unix socket."""
        return self._peer_port

    @property
    def task(self) -> "asyncio.Task[None] | None":
        """The coroutine, for who waits for its end."""
        return self._task

    # -- the coroutine ---------------------------------------------------------------------------------------------

    async def _run(self, session: Session) -> None:
        try:
            if session.wants_opening:
                await self._open(session)
            await self._answer_all(session)
        except asyncio.CancelledError:
            session.machine.close(replies.SHUTTING_DOWN)
            raise
        except (OSError, ssl.SSLError, TimeoutError) as error:  # the client's side of a handshake
            self._log.info("smtp.connection", ip=self.ip, why=str(error))
        except Exception as error:  # noqa: BLE001 - a defect of ours must end this connection only, and be told
            self._log.warning("smtp.defect", ip=self.ip, why=repr(error))
            session.machine.close(replies.BROKEN)
        finally:
            self._share.give_back()
            self._flush(session)
            self._active_transport().close()
            await session.close()

    async def _open(self, session: Session) -> None:
        """The greeting, or what stands in its place; a client that talks before it is heard after it."""
        self._busy = True
        reply = await session.open()
        session.machine.greet(replies.SHUTTING_DOWN if reply is None and self._draining else reply)
        self._busy = False
        self._flush(session)

    def _tell_tls(self, session: Session, transport: asyncio.BaseTransport) -> None:
        cipher = transport.get_extra_info("cipher")
        if cipher is not None:
            session.tls_known(str(cipher[1]), str(cipher[0]))

    async def _answer_all(self, session: Session) -> None:
        machine = session.machine
        while not (machine.closing or self._lost):
            event = None if self._writing_paused else machine.next_event()
            if event is None:
                self._flush(session)
                if self._at_end and not self._writing_paused:
                    return
                await self._more_input()
            elif isinstance(event, StartTls):
                await self._start_tls(session)
            else:
                self._busy = True
                await session.answer(event)
                self._busy = False
                if not machine.receiving:
                    self._share.give_back()
                self.active_s = self._loop.time()
            if self._draining and not machine.receiving and not machine.closing:
                machine.close(replies.SHUTTING_DOWN)

    async def _more_input(self) -> None:
        """Wait for whatever may change: bytes, a client that reads again, the end."""
        if not (self._reading or self._writing_paused):
            self._reading = True
            self._active_transport().resume_reading()
        self._wakeup = self._loop.create_future()
        await self._wakeup

    async def _start_tls(self, session: Session) -> None:
        if self._tls is None:
            session.machine.send(replies.TLS_LATER)
            return
        session.machine.accept()
        self._flush(session)
        # From here on `data_received` is given only what came through TLS: start_tls takes the transport away before
        # it waits for anything, and the client's first command may come before this coroutine runs again.
        session.tls_started()
        self._busy = self._upgrading = True
        upgraded = await self._loop.start_tls(
            self._active_transport(), self, self._tls, server_side=True, ssl_handshake_timeout=TLS_HANDSHAKE_S
        )
        if upgraded is None:
            raise ConnectionResetError("gone during the handshake")
        self._transport = upgraded
        session.bindings = bindings(upgraded, self._tls)
        self._tell_tls(session, upgraded)
        self._busy = self._upgrading = False
        self._reading = True
        self.active_s = self._loop.time()

    def _flush(self, session: Session) -> None:
        data = session.machine.outgoing()
        if data and not self._lost:
            self._active_transport().write(data)

    def _end(self, reply: Reply) -> None:
        assert self._session is not None
        self._session.machine.close(reply)
        self._wake()

    def _wake(self) -> None:
        if self._wakeup is not None:
            if not self._wakeup.done():
                self._wakeup.set_result(None)
            self._wakeup = None

    def _active_transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

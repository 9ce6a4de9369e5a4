"""One TCP connection to another server: opened, greeted, under TLS and logged in; then transactions and their results.

The law: every wait has an end, and what waits to be written is bounded by what the messages under way hold. Nothing
that a server does raises past `connect`, and that raises only NotReady. Under a policy that requires TLS no command but
EHLO, STARTTLS and QUIT is said in the clear.
"""

import asyncio
import ssl
from collections import deque
from typing import Final, Literal, Protocol, cast

from msgspec import Struct

from gateway.outbound.peer import chain_of
from gateway.outbound.settings import Timeouts
from gateway.outbound.tls import REQUIRED, Policies, TlsPolicy, Verdict
from mail.smtp.client.auth import Credentials
from mail.smtp.client.envelope import Transaction
from mail.smtp.client.events import (
    Authenticated,
    AuthFailed,
    Closed,
    Event,
    Finished,
    Ready,
    TlsGo,
    TlsRefused,
)
from mail.smtp.client.machine import Client
from mail.smtp.replies import Reply

PIECE_BYTES: Final = 64 * 1024  # of a large message, what is handed to the transport at once


class NotReady(Exception):
    """No transaction is possible there. `fallback`: TLS failed, and is not required: it may be tried without."""

    def __init__(
        self,
        why: str,
        cause: str,
        *,
        status: str = "4.4.2",
        reply: Reply | None = None,
        failed: bool = False,
        fallback: bool = False,
        tls_failure: str = "",
    ) -> None:
        super().__init__(why)
        self.why = why
        self.cause = cause
        self.status = status
        self.reply = reply
        self.outcome: Literal["deferred", "failed"] = "failed" if failed else "deferred"
        self.fallback = fallback
        self.tls_failure = tls_failure


class Way(Struct, frozen=True, kw_only=True):
    """Where to connect to, and on which terms."""

    host: str
    address: str
    port: int
    hello: str
    source: str = ""
    lmtp: bool = False
    policy: TlsPolicy = TlsPolicy()
    implicit_tls: bool = False
    credentials: Credentials | None = None
    plaintext_auth: bool = False
    require_tls: bool = False


class Owner(Protocol):
    """Who uses a connection once it is ready."""

    def finished(self, connection: "Connection", event: Finished) -> None:
        """The transaction that was sent first is over."""
        ...

    def moved(self, connection: "Connection") -> None:
        """Something changed: there may be room."""
        ...

    def closed(self, connection: "Connection", event: Closed) -> None:
        """It is of no more use."""
        ...


class Connection(asyncio.Protocol):
    """Fed by the event loop."""

    def __init__(self, way: Way, timeouts: Timeouts) -> None:
        self.way = way
        self.client = Client(way.hello, lmtp=way.lmtp, tls=way.implicit_tls)
        self.tls = ""
        """Version and cipher; empty in the clear."""
        self.proof: Literal["", "dane", "sts", "pkix"] = ""
        self.tls_failure = self.tls_why = ""
        """What is wrong though the policy lets it pass, for reports: no TLS, or (RFC 8461 5: testing) a certificate."""
        self.deadline_s = 0.0
        """By the loop's clock, when the server must have done something; the sweep calls `late` after it."""
        self.owner: Owner | None = None
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._pieces: deque[memoryview] = deque()
        self._paused = False
        self._answering = False  # flush comes later
        self._replies = 0  # read when the deadline was set
        self._events: deque[Event] = deque()
        self._wakeup: asyncio.Future[None] | None = None

    # -- called by the event loop ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Also after the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=PIECE_BYTES)

    def data_received(self, data: bytes) -> None:
        """Replies. What they lead to, the next transaction too, is one write."""
        self._answering = True
        events = self.client.receive(data, unsent=sum(map(len, self._pieces)))
        if events:
            self._tell(events)
        owner = self.owner
        if owner is not None:
            owner.moved(self)
        self._answering = False
        self.flush()

    def eof_received(self) -> bool:
        """The server will say no more."""
        self._lose("the server closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        self._lose(f"the connection was lost: {exc}" if exc else "the connection was lost")

    def pause_writing(self) -> None:
        """The server does not take more now."""
        self._paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self._paused = False
        self._pump()

    # -- called by the owner ---------------------------------------------------------------------------------------

    def send(self, transaction: Transaction) -> None:
        """Begin a transaction; where the client has room. Raises BadAddress."""
        self.client.send(transaction)
        if not self._answering:
            self.flush()

    def flush(self) -> None:
        """Write what is outgoing, and set the time for its answer: anew with each whole reply, never for less."""
        data = self.client.outgoing()
        if not data and self.client.replies == self._replies:
            return
        self._replies = self.client.replies
        if data:
            if self._pieces or len(data) > PIECE_BYTES:
                self._pieces.append(memoryview(data))
                self._pump()
            elif self._transport is not None:
                self._transport.write(data)
        waiting = self.client.waiting
        if waiting is not None:
            seconds = self._timeouts.block_s if self._pieces else self._timeouts.of(waiting)
            self.deadline_s = self._loop.time() + seconds

    def quit(self) -> None:
        """Say goodbye, and close when that is answered, or after a moment."""
        self.client.quit()
        self.flush()
        self.deadline_s = self._loop.time() + self._timeouts.quit_s  # shorter than for other answers

    def late(self) -> None:
        """The time is over."""
        waiting = self.client.waiting or "connection"
        self._lose(f"no answer in time ({waiting})")

    def close(self) -> None:
        """Without a word. Soon: a transport that is ended within a call of its own, of uvloop's under TLS at least, is
        left half ended."""
        if self._transport is not None:
            self._loop.call_soon(self._transport.abort)

    # -- setting up ------------------------------------------------------------------------------------------------

    async def prepare(self, context: ssl.SSLContext, policies: Policies, nonce: str) -> None:
        """From the greeting to where transactions can be sent. Raises NotReady."""
        try:
            if self.way.implicit_tls:
                self._judge(policies)
            await self._expect(Ready, self._timeouts.greeting_s + self._timeouts.hello_s)
            await self._start_tls(context, policies)
            await self._log_in(nonce)
            self._check_requiretls()
        except BaseException:
            self.close()
            raise

    def _check_requiretls(self) -> None:
        if self.way.require_tls and not self.client.capabilities.requiretls:  # RFC 8689 4.2.1
            raise NotReady("The server does not offer REQUIRETLS", "tls", status="5.7.30", failed=True)

    async def _start_tls(self, context: ssl.SSLContext, policies: Policies) -> None:
        if self.way.policy.level == "none" or self.client.tls:
            return
        if not self.client.capabilities.starttls:
            self._judge_clear(policies, "The server does not offer STARTTLS")
            return
        self.client.start_tls()
        self.flush()
        answer = await self._expect((TlsGo, TlsRefused), self._timeouts.hello_s)
        if isinstance(answer, TlsRefused):
            self._judge_clear(policies, "The server refuses STARTTLS now", answer.reply)
            return
        await self._handshake(context, policies)
        self.client.tls_started()
        self.flush()
        await self._expect(Ready, self._timeouts.hello_s)

    def _judge_clear(self, policies: Policies, why: str, reply: Reply | None = None) -> None:
        """What a server is worth that has no TLS for us. Raises NotReady where the policy asks for it."""
        verdict = policies.check_clear(self.way.policy)
        if not verdict.ok:
            raise self._no_tls(why, verdict, reply)
        self.tls_failure, self.tls_why = verdict.failure, why

    def _no_tls(self, why: str, verdict: Verdict, reply: Reply | None = None) -> NotReady:
        """RFC 8689 4.2.1: under REQUIRETLS that is final, unless the server says that it is not."""
        final = self.way.require_tls and reply is None
        status = "5.7.10" if final else "4.7.5"
        return NotReady(why, "tls", status=status, reply=reply, failed=final, tls_failure=verdict.failure)

    async def _handshake(self, context: ssl.SSLContext, policies: Policies) -> None:
        assert self._transport is not None
        required = self.way.policy.level in REQUIRED
        try:
            upgraded = await self._loop.start_tls(
                self._transport,
                self,
                context,
                server_hostname=_sni(self.way),
                ssl_handshake_timeout=self._timeouts.tls_s,
            )
        except (OSError, TimeoutError, ValueError) as error:  # ssl.SSLError is an OSError
            raise NotReady(
                f"The TLS handshake failed: {error}"[:300],
                "tls",
                status="4.7.5",
                fallback=not required,
                tls_failure="validation-failure",
            ) from error
        if upgraded is None:
            raise NotReady("The connection was lost in the TLS handshake", "tls", status="4.7.5", fallback=not required)
        self._transport = upgraded
        self._judge(policies)

    def _judge(self, policies: Policies) -> None:
        """What the certificate is worth under the policy."""
        assert self._transport is not None
        session = self._transport.get_extra_info("ssl_object")
        cipher = session.cipher() if session is not None else None
        self.tls = f"{session.version()} {cipher[0]}" if cipher else "TLS"
        verdict = policies.check(self.way.policy, chain_of(session), self.way.host)
        if not verdict.ok:
            raise self._no_tls(f"The server's certificate is not valid: {verdict.why}"[:300], verdict)
        self.proof = verdict.proof
        self.tls_failure, self.tls_why = verdict.failure, verdict.why

    async def _log_in(self, nonce: str) -> None:
        way = self.way
        if way.credentials is None:
            return
        events = self.client.authenticate(
            way.credentials, nonce=nonce, host=way.host, port=way.port, clear=way.plaintext_auth
        )
        self.flush()
        self._events.extend(events)
        answer = await self._expect((Authenticated, AuthFailed), self._timeouts.hello_s)
        if isinstance(answer, AuthFailed):
            raise NotReady(answer.why or "The relay host does not know us", "auth", status="4.7.8", reply=answer.reply)

    async def _expect(self, kinds: type[Event] | tuple[type[Event], ...], seconds: float) -> Event:
        """The next event, which must be of these kinds."""
        try:
            async with asyncio.timeout(seconds):
                while not self._events:
                    self._wakeup = self._loop.create_future()
                    await self._wakeup
        except TimeoutError:
            where = self.client.waiting or "connection"
            raise NotReady(f"No answer in time ({where})", "timeout") from None
        event = self._events.popleft()
        if isinstance(event, Closed):
            raise _closed(event)
        if not isinstance(event, kinds):
            raise NotReady("The server said something unasked", "protocol", status="4.5.0")
        return event

    # -- within ----------------------------------------------------------------------------------------------------

    def _tell(self, events: list[Event]) -> None:
        owner = self.owner
        if owner is None:
            self._events.extend(events)
            if self._wakeup is not None and not self._wakeup.done():
                self._wakeup.set_result(None)
            return
        for event in events:
            if isinstance(event, Finished):
                owner.finished(self, event)
            elif isinstance(event, Closed):
                self._pieces.clear()
                self.close() if event.why != "closed" else self._close_softly()
                owner.closed(self, event)

    def _close_softly(self) -> None:
        if self._transport is not None:
            self._loop.call_soon(self._transport.close)  # soon: see close

    def _lose(self, why: str) -> None:
        events = self.client.lost(why)
        self._pieces.clear()
        if events:
            self._tell(events)
        self.close()

    def _pump(self) -> None:
        """Hand large messages to the transport piece by piece."""
        pieces, transport = self._pieces, self._transport
        while pieces and not self._paused and transport is not None:
            piece = pieces[0]
            transport.write(piece[:PIECE_BYTES])
            if len(piece) > PIECE_BYTES:
                pieces[0] = piece[PIECE_BYTES:]
            else:
                pieces.popleft()
            self.deadline_s = self._loop.time() + self._timeouts.block_s
        if not pieces:
            self.deadline_s = self._loop.time() + self._timeouts.of(self.client.waiting)


class Connector(Protocol):
    """`connect`, or what a test has in its place."""

    async def __call__(
        self, way: Way, timeouts: Timeouts, context: ssl.SSLContext, policies: Policies, *, nonce: str
    ) -> Connection:
        """A connection that is ready for transactions. Raises NotReady."""
        ...


async def connect(
    way: Way, timeouts: Timeouts, context: ssl.SSLContext, policies: Policies, *, nonce: str
) -> Connection:
    """A connection that is ready for transactions. `nonce`: fresh, for SCRAM. Raises NotReady."""
    connection = await _open(way, timeouts, context)
    await connection.prepare(context, policies, nonce)
    return connection


async def _open(way: Way, timeouts: Timeouts, context: ssl.SSLContext) -> Connection:
    loop = asyncio.get_running_loop()
    implicit = context if way.implicit_tls else None
    sni = _sni(way) if implicit else None
    try:
        async with asyncio.timeout(timeouts.connect_s):
            if way.address.startswith("/"):
                _, made = await loop.create_unix_connection(lambda: Connection(way, timeouts), way.address)
            else:
                _, made = await loop.create_connection(
                    lambda: Connection(way, timeouts),
                    way.address,
                    way.port,
                    local_addr=(way.source, 0) if way.source else None,
                    ssl=implicit,
                    server_hostname=sni,
                )
    except TimeoutError:
        raise NotReady(
            f"No connection to {way.address} in {timeouts.connect_s:g} s", "timeout", status="4.4.1"
        ) from None
    except ssl.SSLError as error:
        raise NotReady(f"The TLS handshake failed: {error}"[:300], "tls", status="4.7.5") from error
    except OSError as error:
        raise NotReady(
            f"No connection to {way.address}: {error.strerror or error}", "unreachable", status="4.4.1"
        ) from error
    return made


def _sni(way: Way) -> str | None:
    """What the handshake names (of DANE: RFC 7672 8.1): never a path."""
    return way.policy.sni or (None if way.host.startswith("/") else way.host)


def _closed(event: Closed) -> NotReady:
    """521 and 556 are the words of hosts that never take mail (RFC 7504); all else may pass."""
    reply = event.reply
    failed = reply is not None and reply.code in (521, 556)
    garbled = reply is None and "sent" in event.why
    return NotReady(event.why, "protocol" if garbled else "unreachable", status="4.4.2", reply=reply, failed=failed)

"""One IMAP connection: from the grammar's events to commands, and back. Nothing is decided here.

The law: as of every connection of mail access; and an upload that is more than all connections may hold together is
cut off, while ordinary mail still comes through.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Final, Protocol

from cluster.errors import Trouble
from gateway.access import connection as access
from gateway.imap import dispatch, updates
from gateway.imap.compressing import Compressed
from gateway.imap.general import capabilities, end_idle
from gateway.imap.parts import Services
from gateway.imap.places import renew
from gateway.imap.session import Session, State
from mail.imap import commands, events, render
from mail.imap.limits import BEFORE_LOGIN, Limits
from mail.imap.machine import ImapMachine

_LIGHT_BYTES: Final = 1024 * 1024  # so much of a command may always come: ordinary mail is not kept out by large
LITERAL_MINUS_BYTES: Final = 4096  # sent without asking (RFC 7888 5)


def limits_of(session: Session) -> Limits:
    """What the client may make us hold."""
    settings = session.services.settings
    nonsync_max_bytes = LITERAL_MINUS_BYTES if settings.literals == "minus" else None
    if session.state is State.NOT_AUTHENTICATED:
        return _stranger(nonsync_max_bytes)
    return _client(settings.command_bytes_max, settings.message_bytes_max, nonsync_max_bytes)


@lru_cache(maxsize=8)  # one value for all connections
def _stranger(nonsync_max_bytes: int | None) -> Limits:
    return replace(BEFORE_LOGIN, nonsync_max_bytes=nonsync_max_bytes)


@lru_cache(maxsize=8)
def _client(command_bytes: int, message_bytes: int, nonsync_max_bytes: int | None) -> Limits:
    return Limits(line_max_bytes=command_bytes, append_max_bytes=message_bytes, nonsync_max_bytes=nonsync_max_bytes)


class Owner(access.Owner, Protocol):
    """The server, as its connections see it."""

    def weigh(self, more_bytes: int) -> bool:
        """Count what commands on their way hold; whether all connections together hold no more than they may."""
        ...


class Connection(access.Connection):
    """The protocol object of the event loop, and the session's `Wire`."""

    protocol = "imap"
    services: Services
    _machine: ImapMachine
    _owner: Owner
    _session: Session

    __slots__ = ("_garbled", "_quiet_until", "_shifts", "_stale", "_weight_bytes")

    def __init__(self, owner: Owner, services: Services, number: str, *, secure: bool, ip: str = "") -> None:
        """`ip`: the client's address where a relay has told it; else it is the transport's."""
        session = Session(services, self)
        machine = ImapMachine(limits_of(session))
        super().__init__(owner, services, number, machine, session, secure=secure, ip=ip)
        self._garbled = False  # nothing that comes can be read any more
        self._stale = False  # there may be something to tell (RFC 5465)
        self._quiet_until: float | None = None  # the deadline before it began to be told
        self._shifts = False  # what follows may not be compressed any more
        self._weight_bytes = 0  # of the command that comes or runs, as the server counts it

    @property
    def compresses(self) -> bool:
        """Whether both ends compress (RFC 4978)."""
        return isinstance(self._transport, Compressed)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to be told news."""
        self._session.idling = None
        super().connection_lost(exc)

    def _greeting(self) -> bytes:
        """RFC 3501 7.1.1."""
        greeting = f"[CAPABILITY {capabilities(self._session)}] {self.services.settings.greeting}"
        return b"* OK %b\r\n" % greeting.encode("ascii", "replace")

    def _received(self) -> None:
        """Tell the server how much the command holds that comes, and end what there is no room for."""
        before, self._weight_bytes = self._weight_bytes, 0 if self.lost else self._machine.kept_bytes
        has_room = self._owner.weigh(self._weight_bytes - before)
        if not has_room and self._task is None and self._weight_bytes > _LIGHT_BYTES:
            self._session.bye("Too much is being sent at once; try again later", "UNAVAILABLE")
            self.close()

    def _caught_up(self) -> None:
        self._session.tell_idle()
        self._tell_news()

    def news(self) -> None:
        """There may be something to tell: when all of this moment is in, if nothing runs; else when it has ended."""
        if not self._stale:
            self._stale = True
            self.soon(self._tell_news)

    def soon(self, work: Callable[[], None]) -> None:
        """Do this in the next turn of the event loop."""
        self._owner.soon(work)

    def _tell_news(self) -> None:
        if self._stale and self._task is None and not (self.clogged or self.lost or self._session.ended):
            self._stale = False
            notices = self._session.notices
            idles = self._session.idling is not None and self._session.is_guest
            if idles or (notices is not None and not notices.tell_at_once()) or updates.has_news(self._session):
                self._quiet_until = self.deadline
                self._start(self._tell())
            elif self._session.ended:
                self.close()

    async def _tell(self) -> None:
        """Like a command, but that nobody has asked for it."""
        session = self._session
        try:
            await renew(session)
        except Trouble as trouble:  # nothing is told to nobody knows whom; the next change, or command, tries again
            session.log.warning("imap.news", trouble=type(trouble).__name__, detail=trouble.log)
            return
        if session.notices is not None:
            await session.notices.tell()
        elif session.idling is not None and session.is_guest:
            session.tell(expunges=True)
            if session.selection is not None and session.selection.more:
                session.changed()
        await updates.tell(session)
        await self._goes_on()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        quiet_until, self._quiet_until = self._quiet_until, None
        super()._ended(task)
        if quiet_until is not None and self._task is None and not (self.clogged or self._session.ended):
            self.deadline = quiet_until  # to be told something is not to say something
        self._tell_news()

    def _let_go(self) -> None:
        if self._task is None:
            self._session.hear(None)
        super()._let_go()

    def _advance(self) -> None:
        super()._advance()
        if self._garbled and self._task is None:
            self._session.bye("What you send is not compressed, or not as RFC 4978 has it", "CLIENTBUG")
            self.close()

    def _full(self) -> bool:
        return self._shifts or super()._full()

    def swept(self, now: float) -> None:
        """Tell how far the command is that runs, if it is time (RFC 9585)."""
        if self._task is not None and self._asked is None and not (self.clogged or self._session.ended):
            self.write(self._session.progress.line(now))

    def _take(self) -> bool:
        event = next(self._machine.events(), None)
        if event is None:
            return False
        self._deal_with(event)
        if out := self._machine.outgoing():
            self.write(out)
        return True

    def _deal_with(self, event: events.Event) -> None:
        session = self._session
        match event:
            case events.Command():
                self._shifts = self.compresses and isinstance(event.command, commands.Unauthenticate)
                self._start(self._run(event.tag, event.command))
            case events.Line():
                self._line(event.data)
            case events.Bad() if self._asked is not None or session.idling is not None:
                self._line(b"")  # a line too long for an answer
            case events.Bad():
                self.write(render.answer_line(event.tag, event.status, event.text, event.code))
                if event.status == b"BAD":
                    dispatch.mistake(session)
                if event.unsaves and session.selection is not None:
                    session.selection.forget()
                self._rest()
            case events.Close():
                session.bye(event.text)
        if session.ended:
            self.close()

    def _line(self, line: bytes) -> None:
        """A line that is no command: an answer to AUTHENTICATE, or the end of IDLE."""
        if not self._answered(line) and self._session.idling is not None:
            end_idle(self._session, line)
            self._machine.resume()
            self._rest()

    async def _run(self, tag: bytes, command: commands.Command) -> None:
        """One command from its arrival until the next may begin."""
        session = self._session
        before = session.state
        await dispatch.run(session, tag, command)
        self._machine.utf8 = session.utf8
        if not await self._goes_on():
            return
        if session.wants_deflate:
            self._compress()
        if (before is State.NOT_AUTHENTICATED) is not (session.state is State.NOT_AUTHENTICATED):
            self._machine.limits = limits_of(session)
        if self._shifts:
            self._expand(done=session.state is State.NOT_AUTHENTICATED)
        if session.idling is not None:
            self._machine.expect_line()
        elif self._machine.waiting:
            self._machine.resume()

    def _compress(self) -> None:
        """RFC 4978 3. The client waits for the answer before it sends any more: what came meanwhile is not compressed,
        and nobody can say what it is."""
        self._session.wants_deflate = False
        assert self._transport is not None
        self.flush()
        self._garbled = self._machine.forget() > 0
        high_bytes = self.services.settings.write_buffer_bytes
        self._transport = Compressed(
            self._transport, self, self.services.deflaters, self._broken, high_bytes, clogged=self.clogged
        )

    def _expand(self, *, done: bool) -> None:
        """RFC 8437 4.1, unless the command was refused: its answer is the last that is compressed."""
        self._shifts = False
        if isinstance(self._transport, Compressed) and done:
            self.flush()
            self._garbled = self._machine.forget() > 0  # it was compressed
            self._paused = False
            self._transport = self._transport.finish()

    def _broken(self) -> None:
        self._garbled = True
        self._advance()

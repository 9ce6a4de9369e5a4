"""One IMAP connection: from the grammar's events to commands, and back. Nothing is decided here.

The law: as of every connection of mail access; and an upload that is more than all connections may hold together is
cut off, while ordinary mail still comes through.
"""

from functools import lru_cache
from typing import Final, Protocol

from gateway.access import connection as access
from gateway.imap import dispatch
from gateway.imap.general import capabilities, end_idle
from gateway.imap.parts import Services
from gateway.imap.session import Session, State
from mail.imap import commands, events, render
from mail.imap.limits import BEFORE_LOGIN, Limits
from mail.imap.machine import ImapMachine

_LIGHT_BYTES: Final = 1024 * 1024  # so much of a command may always come: ordinary mail is not kept out by large


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

    __slots__ = ("_weight_bytes",)

    def __init__(self, owner: Owner, services: Services, number: str, *, secure: bool, ip: str = "") -> None:
        """`ip`: the client's address where a relay has told it; else it is the transport's."""
        session = Session(services, self)
        super().__init__(owner, services, number, ImapMachine(BEFORE_LOGIN), session, secure=secure, ip=ip)
        self._weight_bytes = 0  # of the command that comes or runs, as the server counts it

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
        if not self._answered(line) and self._session.idling is not None:
            end_idle(self._session, line)
            self._machine.resume()
            self._rest()

    async def _run(self, tag: bytes, command: commands.Command) -> None:
        """One command from its arrival until the next may begin."""
        session = self._session
        before = session.state
        await dispatch.run(session, tag, command)
        if not await self._goes_on():
            return
        if before is State.NOT_AUTHENTICATED and session.state is not before:
            settings = self.services.settings
            self._machine.limits = _limits(settings.command_bytes_max, settings.message_bytes_max)
        if session.idling is not None:
            self._machine.expect_line()
        elif self._machine.waiting:
            self._machine.resume()


@lru_cache(maxsize=8)
def _limits(command_bytes: int, message_bytes: int) -> Limits:
    """What a client may send that has logged in: one value for all."""
    return Limits(line_max_bytes=command_bytes, append_max_bytes=message_bytes)

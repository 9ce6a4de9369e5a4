"""One POP3 connection: from the grammar's events to commands. Nothing is decided here.

The law: as of every connection of mail access (gateway/access/connection.py).
"""

from gateway.access import connection as access
from gateway.pop3 import dispatch
from gateway.pop3.parts import Services
from gateway.pop3.session import Session
from mail.pop3 import commands, events, render
from mail.pop3.machine import Pop3Machine


class Connection(access.Connection):
    """The protocol object of the event loop, and the session's `Wire`."""

    protocol = "pop3"
    services: Services
    _machine: Pop3Machine
    _session: Session

    __slots__ = ()

    def __init__(self, owner: access.Owner, services: Services, number: str, *, secure: bool, ip: str = "") -> None:
        """`ip`: the client's address where a relay has told it; else it is the transport's."""
        session = Session(services, self)
        super().__init__(owner, services, number, Pop3Machine(), session, secure=secure, ip=ip)

    def _greeting(self) -> bytes:
        """RFC 1939 4."""
        return render.ok(self.services.settings.greeting)

    def _take(self) -> bool:
        event = next(self._machine.events(), None)
        match event:
            case None:
                return False
            case events.Command(command):
                self._start(self._run(command))
            case events.Line(line):
                self._answered(line)
            case events.Bad() if self._asked is not None:
                self._answered(b"")  # a line too long for an answer
            case events.Bad(text):
                self.write(render.err(text))
                dispatch.mistake(self._session)
                self._rest()
        if self._session.ended:
            self.close()
        return True

    async def _run(self, command: commands.Command) -> None:
        """One command from its arrival until the next may begin."""
        await dispatch.run(self._session, command)
        if await self._goes_on() and self._machine.waiting:
            self._machine.resume()

"""What is remembered of one client between its commands (RFC 1939 3).

The law: a session belongs to one client; nothing in it outlives the connection, and who has logged in has a maildrop
until it is let go, once.
"""

from collections.abc import Iterable
from typing import NamedTuple

from cluster.errors import Trouble
from gateway.access.parts import Log, Why, Wire
from gateway.login import Principal
from gateway.pop3.maildrop import Maildrop
from gateway.pop3.parts import Services
from gateway.pop3.troubles import CREDENTIALS, TEMPORARY
from mail.pop3 import render


class Ok(NamedTuple):
    """+OK: its text, and the lines of a multi-line response with their end, in pieces."""

    text: str = ""
    pieces: Iterable[bytes] = ()


class Session:
    """One client."""

    __slots__ = ("drop", "ended", "failures", "mistakes", "name", "principal", "services", "utf8", "wants_tls", "wire")

    def __init__(self, services: Services, wire: Wire) -> None:
        self.services = services
        self.wire = wire
        self.principal: Principal | None = None
        self.drop: Maildrop | None = None
        self.name: str | None = None  # what USER said, until PASS
        self.utf8 = False  # UTF8 was said: the client takes UTF-8 in headers (RFC 6856 2.1)
        self.wants_tls = False  # STLS was answered +OK
        self.ended = False  # nothing more is to be answered; the connection is to be closed
        self.failures = 0  # of logging in
        self.mistakes = 0  # commands that made no sense since the last +OK

    @property
    def log(self) -> Log:
        """Where its events go."""
        return self.wire.log

    @property
    def known(self) -> bool:
        """Whether somebody has logged in: the TRANSACTION state, else AUTHORIZATION (RFC 1939 3)."""
        return self.principal is not None

    @property
    def holds(self) -> bool:
        """Whether there is a maildrop to let go of."""
        return self.drop is not None

    @property
    def maildrop(self) -> Maildrop:
        """The client's; only after login."""
        assert self.drop is not None
        return self.drop

    @property
    def account(self) -> int:
        """Whose it is; only after login."""
        assert self.principal is not None
        return self.principal.account

    def dismiss(self, why: Why, text: str) -> None:
        """The server ends the session. Who was silent for too long is told nothing (RFC 1939 3)."""
        if not self.ended and why != "silent":
            self.wire.write(render.err(text, CREDENTIALS if why == "revoked" else TEMPORARY))
        self.ended = True

    async def leave(self) -> None:
        """Let go of the maildrop. What was retrieved is marked so; what was to be deleted is not."""
        drop, self.drop = self.drop, None
        if drop is None:
            return
        try:
            if self.services.settings.marks_seen:
                await drop.mark_read()
        except Trouble as trouble:
            self.log.warning("pop3.trouble", command="leave", trouble=type(trouble).__name__, detail=trouble.log)
        finally:
            await drop.hold.close()

"""What mail access stands on, and what its pieces are to one another, as Protocols: tests stand in for any of it.

The law: nothing here is more than is used; a protocol's own parts say what it needs beyond.
"""

import asyncio
from typing import Any, Final, Literal, Protocol

import numpy.typing as npt

from cluster.clock import Clock, Dice
from gateway.access.metrics import AccessMetrics
from gateway.access.settings import AccessSettings
from gateway.login import Directory, Principal
from gateway.logins import Logins
from mail.sasl import Binding

Array = npt.NDArray[Any]
Why = Literal["limit", "stopping", "silent", "revoked"]  # of a connection that the server ends

MISTAKES_MAX: Final = 50  # commands that make no sense with no good one between: a broken client, or one that probes
WORK_SLICE_S: Final = 0.005  # other connections wait no longer than this for a long answer


class Log(Protocol):
    """What structlog's loggers offer and a gateway uses."""

    def bind(self, **values: object) -> "Log":
        """A log that adds these to each line."""
        ...

    def info(self, event: str, **values: object) -> object:
        """One event."""
        ...

    def warning(self, event: str, **values: object) -> object:
        """One event that an operator may want to look at."""
        ...


class Services(Protocol):
    """What every session of a gateway shares."""

    @property
    def service(self) -> str:
        """What it is, as scopes name it."""
        ...

    @property
    def directory(self) -> Directory:
        """Who may log in."""
        ...

    @property
    def settings(self) -> AccessSettings:
        """The protocol's."""
        ...

    @property
    def metrics(self) -> AccessMetrics:
        """The protocol's."""
        ...

    @property
    def clock(self) -> Clock:
        """Time."""
        ...

    @property
    def dice(self) -> Dice:
        """Chance."""
        ...

    @property
    def log(self) -> Log:
        """Where events go."""
        ...

    @property
    def logins(self) -> Logins:
        """Whether logging in may be tried."""
        ...

    @property
    def sasl_secret(self) -> bytes:
        """16 bytes or more, the same over restarts: for the salt of users that do not exist."""
        ...


class Wire(Protocol):
    """The way to one client. Bounded: whoever writes much awaits `drain` between batches."""

    @property
    def ip(self) -> str:
        """The client's address."""
        ...

    def arrive(self, principal: Principal) -> bool:
        """Count the connection for the account of who has logged in; False: it has too many."""
        ...

    def depart(self) -> None:
        """Nobody is logged in any more; of itself when the connection ends."""
        ...

    @property
    def log(self) -> Log:
        """A log whose lines carry the connection's id."""
        ...

    @property
    def secure(self) -> bool:
        """Whether TLS is up."""
        ...

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """What SCRAM can be bound to here."""
        ...

    @property
    def can_start_tls(self) -> bool:
        """Whether STARTTLS would work now."""
        ...

    @property
    def clogged(self) -> bool:
        """The client does not read what was written; nothing unasked should be added."""
        ...

    def note(self, event: str, **values: object) -> None:
        """Something for the log, named after the protocol."""
        ...

    def write(self, data: bytes) -> None:
        """Queue bytes for the client."""
        ...

    def close(self) -> None:
        """Close when what was written has left."""
        ...

    async def drain(self) -> None:
        """Wait until the client has taken enough of what was written. Raises ConnectionError when it is gone."""
        ...

    async def ask(self, challenge: bytes) -> bytes:
        """Send a continuation request and wait for the client's line, without its CRLF."""
        ...


class Session(Protocol):
    """What is remembered of a client, as its connection sees it."""

    ended: bool
    """Nothing more is to be answered; the connection is to be closed."""
    wants_tls: bool
    """TLS was promised, and is to begin now."""
    failures: int
    """Of logging in."""

    @property
    def known(self) -> bool:
        """Whether somebody has logged in."""
        ...

    @property
    def holds(self) -> bool:
        """Whether there is a mailbox to let go of."""
        ...

    def dismiss(self, why: Why, text: str) -> None:
        """The last words, said once; and the session has ended."""
        ...

    async def leave(self) -> None:
        """Let go of the mailbox. `holds` no more from the first step on, whatever comes of it."""
        ...


class Machine(Protocol):
    """A protocol's grammar, as far as its connection drives it without knowing it."""

    def receive(self, data: bytes) -> None:
        """Octets from the client."""
        ...

    def expect_line(self) -> None:
        """The next line is raw."""
        ...

    def forget(self) -> int:
        """Throw away what was received but not read."""
        ...

    @property
    def held_bytes(self) -> int:
        """Octets received and not read yet."""
        ...


class Pace:
    """Keeps a long computation from holding the event loop."""

    __slots__ = ("_clock", "_until")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = clock.monotonic() + WORK_SLICE_S

    async def breathe(self) -> None:
        """Let others run when this work has had its slice."""
        if self._clock.monotonic() >= self._until:
            await asyncio.sleep(0)
            self._until = self._clock.monotonic() + WORK_SLICE_S

"""What the SMTP gateway asks of the rest: who an address is, and to store a message. Nothing else is known of either.

An implementation answers from durable state or raises a `cluster.errors.Trouble`; `deliver` returns only when the
message is durable.
"""

from collections.abc import Awaitable
from typing import Any, Protocol, TypeAlias

from actors.directory.types import Principal, Resolution
from actors.queue.outbox import Kept
from actors.queue.types import Envelope
from mail.sasl import ScramAny, ScramKeys

Prepared: TypeAlias = Any
"""A message made ready by `Intake.prepare`; opaque here."""


class Directory(Protocol):
    """Who is who."""

    async def resolve(self, address: str, *, loosely: bool = False) -> Resolution:
        """The owners of `local@domain`, or of a bare `Postmaster`; `loosely`: perhaps as of half a second ago. Raises
        Unavailable."""
        ...

    async def verify(self, login: str, password: str, service: str = "") -> Principal | None:
        """Whether this is the password; slow by intent, off the event loop. None when not. Raises Unavailable."""
        ...

    async def scram(self, login: str, service: str = "") -> ScramKeys | ScramAny | None:
        """The SCRAM-SHA-256 keys of a login. Raises Unavailable."""
        ...

    async def principal(self, login: str, credential: str = "") -> Principal | None:
        """The principal of a login that has proven itself, with what `credential` names. Raises Unavailable."""
        ...

    @property
    def takes_tokens(self) -> bool:
        """Whether anybody is known who can say whose a token is."""
        ...

    def token_help(self, service: str) -> tuple[str, str]:
        """What a token must be good for, and where a program reads how to get one; empty: anything, nowhere."""
        ...

    async def token(self, login: str, token: str, service: str = "") -> Principal | None:
        """Whose token this is; `login`: who it has to be, or empty. None when it is not valid. Raises Unavailable."""
        ...

    async def stands(self, number: int, credential: str) -> bool:
        """Whether what somebody has logged in to an account with is good still. Raises Unavailable."""
        ...

    async def members(self, address: str) -> tuple[str, ...] | None:
        """The addresses a list, a group or an alias leads to; None when there is no such. Raises Unavailable."""
        ...

    async def may_send_as(self, principal: Principal, address: str) -> bool:
        """Whether the address is one of the principal's own. Raises Unavailable."""
        ...


class Intake(Protocol):
    """Where messages go."""

    def prepare(self, raw: bytes) -> Awaitable[Prepared]:
        """Parse, hash and pack once for all recipients; large blobs are durable on return. Raises Trouble."""
        ...

    async def deliver(self, account: int, prepared: Prepared, *, idem: bytes, mailbox: str = "INBOX") -> object:
        """Store into one account; durable on return; the same `idem` again within the account's window does nothing.

        Raises OverQuota, Unavailable, StoreFull, NotFound.
        """
        ...

    async def has_room(self, account: int, size: int) -> bool:
        """Whether so many bytes would fit the quota; best effort, to refuse at RCPT what would fail later."""
        ...


class Outgoing(Protocol):
    """Where messages to other servers go: `actors.queue.outbox.Outbox`."""

    def keep(self, raw: bytes) -> Awaitable[Kept]:
        """Hash and pack once for all destinations; large bodies are durable on return. Raises Trouble."""
        ...

    def name_of(self, domain: str, idem: bytes) -> bytes:
        """The id of the entry that `send` makes for a domain."""
        ...

    def send(self, mail: Envelope, kept: Kept, *, idem: bytes, due_ms: int = 0, hold: str = "") -> Awaitable[bytes]:
        """Queue for one destination; the entry's id, once durable; the same `idem` again does nothing. `hold`: who
        wants it held back. Raises Unavailable, StoreFull."""
        ...


class Log(Protocol):
    """A structlog logger, or one that behaves like it."""

    def info(self, event: str, **fields: object) -> object:
        """What happened."""
        ...

    def warning(self, event: str, **fields: object) -> object:
        """What somebody should look at."""
        ...

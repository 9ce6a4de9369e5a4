"""What the IMAP gateway needs of the rest of the server, as Protocols, so that tests can stand in for any of it.

The law: nothing here is more than the gateway uses. The real ones are actors.mailbox.client and
actors.directory.client; hosting passes them in.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import numpy.typing as npt

from actors.mailbox.client import Message
from actors.mailbox.types import Added, Changed, Item, MailboxInfo, Prepared, Ranges, Role, Tree
from cluster.clock import Clock, Dice
from gateway.imap.metrics import Metrics
from gateway.imap.settings import ImapSettings
from gateway.logins import UNCOUNTED, Logins
from gateway.places import Places
from mail.sasl import Binding, ScramKeys

Array = npt.NDArray[Any]
FlagsMode = Literal["add", "remove", "replace"]

WORK_SLICE_S: Final = 0.005  # other connections wait no longer than this for a long SEARCH or FETCH


class Index(Protocol):
    """A mailbox's columns, ascending by UID, all of length `count`. Not to be written to or kept over an await."""

    @property
    def count(self) -> int:
        """Number of messages."""
        ...

    @property
    def uids(self) -> Array:
        """uint32. Its contents are never changed in place: it grows at the end or is replaced."""
        ...

    @property
    def flags(self) -> Array:
        """int64 flags words (actors/mailbox/types.py)."""
        ...

    @property
    def modseqs(self) -> Array:
        """int64."""
        ...

    @property
    def emails(self) -> Array:
        """int64 Email ids."""
        ...

    @property
    def sizes(self) -> Array:
        """uint32 bytes."""
        ...

    @property
    def dates(self) -> Array:
        """int64 milliseconds since 1970: INTERNALDATE."""
        ...


class View(Protocol):
    """A mailbox as it is now, shared by the sessions of this gateway; changes only between awaits."""

    @property
    def index(self) -> Index:
        """The columns."""
        ...

    @property
    def modseq(self) -> int:
        """The newest change that is applied."""
        ...

    @property
    def keywords(self) -> tuple[str, ...]:
        """The account's keyword table."""
        ...

    @property
    def gone(self) -> bool:
        """The mailbox was deleted."""
        ...


class Hold(Protocol):
    """One session's hold on a mailbox. When a method returns, the view already shows its effect."""

    @property
    def info(self) -> MailboxInfo:
        """The mailbox as it was when selected."""
        ...

    @property
    def view(self) -> View:
        """The mailbox as it is."""
        ...

    @property
    def read_only(self) -> bool:
        """Selected with EXAMINE."""
        ...

    @property
    def recent(self) -> set[int]:
        r"""UIDs that are \Recent for this session; grows as mail arrives."""
        ...

    async def set_flags(
        self,
        uids: Ranges,
        mode: FlagsMode,
        flags: int = 0,
        keywords: tuple[str, ...] = (),
        unchanged_since: int | None = None,
    ) -> Changed:
        """STORE."""
        ...

    async def expunge(self, uids: Ranges | None = None) -> Changed:
        r"""Remove messages that have \Deleted."""
        ...

    async def copy(self, uids: Ranges, target: str, *, move: bool = False) -> Added:
        """COPY and MOVE."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...


class Mailboxes(Protocol):
    """What may be asked of an account's mailboxes. Raises the classes of cluster/errors.py."""

    async def prepare(self, raw: bytes) -> Prepared:
        """Read a new message and make its bytes ready to be added."""
        ...

    async def add(
        self, account: int, mailbox: str, items: Sequence[Item], *, idem: bytes = b"", deliver: bool = False
    ) -> Added:
        """APPEND."""
        ...

    async def tree(self, account: int) -> Tree:
        """All mailboxes with their counts."""
        ...

    async def create(self, account: int, name: str, role: Role = "") -> None:
        """CREATE."""
        ...

    async def delete(self, account: int, name: str) -> None:
        """DELETE."""
        ...

    async def rename(self, account: int, name: str, to: str) -> None:
        """RENAME."""
        ...

    async def subscribe(self, account: int, name: str, on: bool) -> None:
        """SUBSCRIBE, UNSUBSCRIBE."""
        ...

    async def select(self, account: int, name: str, *, read_only: bool, changed: Callable[[], None]) -> Hold:
        """Hold a mailbox; `changed` is called, between awaits, whenever its view has changed."""
        ...

    async def messages(self, account: int, emails: Sequence[int]) -> Sequence[Message | None]:
        """Messages by Email id; None for one that is gone meanwhile."""
        ...

    async def content(self, message: Message) -> bytes:
        """The whole raw message."""
        ...


class Principal(Protocol):
    """Who has proved to be whom."""

    @property
    def account(self) -> int:
        """The account's id."""
        ...

    @property
    def login(self) -> str:
        """The name for logs."""
        ...


class Log(Protocol):
    """What structlog's loggers offer and the gateway uses."""

    def bind(self, **values: object) -> "Log":
        """A log that adds these to each line."""
        ...

    def info(self, event: str, **values: object) -> object:
        """One event."""
        ...

    def warning(self, event: str, **values: object) -> object:
        """One event that an operator may want to look at."""
        ...


class Directory(Protocol):
    """Who may log in."""

    async def verify(self, login: str, password: str) -> Principal | None:
        """Who that is, None when the name or the password is wrong."""
        ...

    async def principal(self, login: str) -> Principal | None:
        """Who has that name, without proof."""
        ...

    async def scram(self, login: str) -> ScramKeys | None:
        """The keys to check a SCRAM exchange with, None when there is no such account."""
        ...

    @property
    def takes_tokens(self) -> bool:
        """Whether anybody is known who can say whose a token is."""
        ...

    @property
    def token_scope(self) -> str:
        """What a token must be good for; empty: anything."""
        ...

    async def token(self, login: str, token: str) -> Principal | None:
        """Whose token this is; `login`: who it has to be, or empty. None when it is not valid."""
        ...


class Wire(Protocol):
    """The way to one client. Bounded: whoever writes much awaits `drain` between batches."""

    @property
    def ip(self) -> str:
        """The client's address."""
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


@dataclass(frozen=True, slots=True)
class Services:
    """What every session of a gateway shares."""

    mail: Mailboxes
    directory: Directory
    settings: ImapSettings
    metrics: Metrics
    clock: Clock
    dice: Dice
    log: Log
    sasl_secret: bytes  # 16 bytes or more, the same over restarts: for the salt of users that do not exist
    logins: Logins = UNCOUNTED
    places: Places = field(default_factory=Places)


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

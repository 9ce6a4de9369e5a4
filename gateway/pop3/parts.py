"""What the POP3 gateway needs of the rest of the server, as Protocols, so that tests can stand in for any of it.

The law: nothing here is more than the gateway uses. The real ones are actors.mailbox.client and
actors.directory.client; hosting passes them in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from actors.mailbox.client import Message
from actors.mailbox.types import Changed, MailboxInfo, Ranges
from cluster.clock import Clock, Dice
from gateway.access.parts import Array, Log
from gateway.login import Directory
from gateway.logins import UNCOUNTED, Logins
from gateway.pop3.metrics import Metrics
from gateway.pop3.settings import Pop3Settings


class Index(Protocol):
    """A mailbox's columns, ascending by UID. Not to be written to or kept over an await, but for `uids`."""

    @property
    def uids(self) -> Array:
        """uint32. Its contents are never changed in place: it grows at the end or is replaced."""
        ...

    @property
    def emails(self) -> Array:
        """int64 Email ids."""
        ...

    @property
    def sizes(self) -> Array:
        """uint32 bytes."""
        ...


class View(Protocol):
    """A mailbox as it is now; changes only between awaits."""

    @property
    def index(self) -> Index:
        """The columns."""
        ...


class Hold(Protocol):
    """One session's hold on a mailbox."""

    @property
    def info(self) -> MailboxInfo:
        """The mailbox as it was when selected."""
        ...

    @property
    def view(self) -> View:
        """The mailbox as it is."""
        ...

    async def set_flags(self, uids: Ranges, mode: Literal["add"], flags: int) -> Changed:
        """Add flags; durable on return."""
        ...

    async def expunge(self, uids: Ranges) -> Changed:
        r"""Remove those of the messages that have \Deleted; durable on return."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...


class Mailboxes(Protocol):
    """What may be asked of an account's mailboxes. Raises the classes of cluster/errors.py."""

    async def select(self, account: int, name: str, *, read_only: bool, changed: Callable[[], None]) -> Hold:
        r"""Hold a mailbox; with `read_only`, \Recent is left to others."""
        ...

    async def messages(self, account: int, emails: Sequence[int]) -> Sequence[Message | None]:
        """Messages by Email id; None for one that is gone meanwhile."""
        ...

    async def content(self, message: Message) -> bytes:
        """The whole raw message."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What every session of the gateway shares."""

    mail: Mailboxes
    directory: Directory
    settings: Pop3Settings
    metrics: Metrics
    clock: Clock
    dice: Dice
    log: Log
    sasl_secret: bytes  # 16 bytes or more, the same over restarts: for the salt of users that do not exist
    logins: Logins = UNCOUNTED

    @property
    def service(self) -> str:
        """As scopes name it."""
        return "pop3"

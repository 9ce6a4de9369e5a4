"""What the IMAP gateway needs of the rest of the server, as Protocols, so that tests can stand in for any of it.

The law: nothing here is more than the gateway uses. The real ones are actors.mailbox.client and
actors.directory.client; hosting passes them in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from actors.mailbox.client import Message
from actors.mailbox.types import Added, Changed, Item, MailboxInfo, Prepared, Ranges, Role, Tree
from cluster.clock import Clock, Dice
from gateway.access.parts import Array, Log, Pace, Wire
from gateway.imap.metrics import Metrics
from gateway.imap.settings import ImapSettings
from gateway.login import Directory, Principal

__all__ = [
    "Array",
    "Directory",
    "FlagsMode",
    "Hold",
    "Index",
    "Log",
    "Mailboxes",
    "Pace",
    "Principal",
    "Services",
    "View",
    "Wire",
]

FlagsMode = Literal["add", "remove", "replace"]


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

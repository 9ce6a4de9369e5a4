"""What the IMAP gateway needs of the rest of the server, as Protocols, so that tests can stand in for any of it.

The law: nothing here is more than the gateway uses. The real ones are actors.mailbox.client and
actors.directory.client; hosting passes them in.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from actors.mailbox.client import Message
from actors.mailbox.follow import Follow, News
from actors.mailbox.recent import Recent
from actors.mailbox.types import (
    Acl,
    Added,
    Annotations,
    Changed,
    Item,
    Looked,
    MailboxInfo,
    Prepared,
    Ranges,
    Role,
    Tallied,
    Tree,
    Who,
)
from cluster.clock import Clock, Dice
from gateway import login
from gateway.access import parts as access
from gateway.access.finding.finder import LARGE_AT_ONCE
from gateway.access.finding.indexes import Indexes
from gateway.access.parts import Array, Log, Pace
from gateway.access.sharing import AclMode
from gateway.imap.arrangements import Arrangements
from gateway.imap.compressing import Deflaters
from gateway.imap.metrics import Metrics
from gateway.imap.settings import ImapSettings
from gateway.login import Principal
from gateway.logins import UNCOUNTED, Logins

__all__ = [
    "AclMode",
    "Array",
    "Directory",
    "FlagsMode",
    "Hold",
    "Holder",
    "Index",
    "Log",
    "Mailboxes",
    "Pace",
    "Place",
    "Principal",
    "Services",
    "View",
    "Wire",
]


FlagsMode = Literal["add", "remove", "replace"]


class Place(NamedTuple):
    """A mailbox, there or not: whose it is, its name there, and with whose eyes it is seen (None: the owner's).

    `prefix` goes before all names of that account as this client sees them. An empty `name` is the account itself.
    """

    account: int
    name: str
    who: Who | None = None
    prefix: str = ""

    def wire(self, name: str) -> str:
        """How this client calls another mailbox of the same account."""
        return self.prefix + name


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

    @property
    def saved(self) -> Array:
        """int64 milliseconds since 1970: SAVEDATE."""
        ...

    @property
    def threads(self) -> Array:
        """int64 thread ids; an array of its own."""
        ...


class View(Protocol):
    """A mailbox as it is now, shared by the sessions of this gateway; changes only between awaits."""

    @property
    def name(self) -> str:
        """How its account calls it."""
        ...

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
    def acl(self) -> Acl:
        """Who may do what, besides its owner."""
        ...

    @property
    def gone(self) -> bool:
        """The mailbox was deleted."""
        ...

    said: object
    """What a session has made of it, for the next one; any session may put anything else here."""


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
    def recent(self) -> Recent:
        r"""UIDs that are \Recent for this session; grows as mail arrives."""
        ...

    @property
    def rights(self) -> str:
        """What this session may do with it now (actors/mailbox/rights.py)."""
        ...

    who: Who | None
    """With whose eyes it is seen; None: its owner's."""

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

    async def replace(self, uid: int, target: str, item: Item) -> Added:
        """REPLACE, with a mailbox of the same account."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...


class Mailboxes(Protocol):
    """What may be asked of an account's mailboxes. Raises the classes of cluster/errors.py."""

    async def prepare(self, raw: bytes, *, inline_bytes_max: int = ...) -> Prepared:
        """Read a new message and make its bytes ready to be added: with the command, or durable before it."""
        ...

    async def add(
        self,
        account: int,
        mailbox: str,
        items: Sequence[Item],
        *,
        idem: bytes = b"",
        deliver: bool = False,
        who: Who | None = None,
    ) -> Added:
        """APPEND."""
        ...

    async def has_room(self, account: int, size: int) -> bool:
        """Whether so much would fit the account's quota, as far as is known without reading the account."""
        ...

    async def look(self, account: int, name: str, who: Who | None = None) -> Looked:
        """One mailbox, for whoever may know of it."""
        ...

    async def tree(self, account: int, who: Who | None = None) -> Tree:
        """All mailboxes with their counts; of another's, those that `who` may know of."""
        ...

    async def create(self, account: int, name: str, role: Role = "", *, who: Who | None = None) -> int:
        """CREATE; the number of what was made."""
        ...

    async def delete(self, account: int, name: str, *, who: Who | None = None) -> None:
        """DELETE."""
        ...

    async def rename(self, account: int, name: str, to: str, *, who: Who | None = None) -> None:
        """RENAME."""
        ...

    async def subscribe(self, account: int, name: str, on: bool) -> None:
        """SUBSCRIBE, UNSUBSCRIBE."""
        ...

    async def set_acl(
        self,
        account: int,
        name: str,
        identifier: str,
        rights: str,
        mode: AclMode = "replace",
        *,
        who: Who | None = None,
    ) -> None:
        """SETACL, DELETEACL."""
        ...

    async def set_role(self, account: int, name: str, role: Role, *, who: Who | None = None) -> None:
        """Give a mailbox a special use, or none."""
        ...

    async def annotate(
        self, account: int, name: str, pairs: Sequence[tuple[str, bytes | None]], *, who: Who | None = None
    ) -> None:
        """SETMETADATA."""
        ...

    async def annotations(self, account: int, names: Sequence[str], who: Who | None = None) -> Annotations:
        """All annotations that are for who asks, of those of the mailboxes that are there; an empty name is the
        account."""
        ...

    async def tally(self, account: int, name: str, who: Who | None = None) -> Tallied:
        r"""How much of a mailbox is \Deleted."""
        ...

    async def sharing(self, names: Iterable[str]) -> Sequence[int]:
        """The accounts that share anything with one of these identifiers."""
        ...

    async def vanished(self, account: int, mailbox: int, since: int, until: int) -> Ranges | None:
        """The UIDs that left a mailbox with a MODSEQ above `since` and up to `until`; None: too many to say."""
        ...

    async def select(
        self, account: int, name: str, *, read_only: bool, changed: Callable[[], None], who: Who | None = None
    ) -> Hold:
        """Hold a mailbox; `changed` is called, between awaits, whenever its view has changed."""
        ...

    async def follow(self, account: int, told: Callable[[News | None], None]) -> Follow:
        """Hear of all changes of an account; `told` is called with each, between awaits. None: everything may have
        changed."""
        ...

    async def objects(self, account: int, kind: str) -> list[tuple[str, bytes]]:
        """All of the account's objects of a kind."""
        ...

    async def put_objects(
        self, account: int, changes: Sequence[tuple[str, str, bytes | None]], *, since: int | None = None
    ) -> int:
        """Write objects, or remove them."""
        ...

    async def messages(self, account: int, emails: Sequence[int]) -> Sequence[Message | None]:
        """Messages by Email id; None for one that is gone meanwhile."""
        ...

    async def content(self, message: Message) -> bytes:
        """The whole raw message."""
        ...


class Holder(Protocol):
    """An account, as far as others may know of it."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def login(self) -> str:
        """Its address."""
        ...

    @property
    def addresses(self) -> Sequence[str]:
        """All its addresses."""
        ...

    @property
    def shared(self) -> bool:
        """Whether nobody logs in as it: its mailboxes are for those they are shared with."""
        ...

    @property
    def administrator(self) -> bool:
        """Whether it may set the quotas of others."""
        ...

    @property
    def quota_bytes(self) -> int:
        """What it may hold; 0: no limit."""
        ...

    @property
    def quota_messages(self) -> int:
        """What it may hold; 0: no limit."""
        ...


class Directory(login.Directory, Protocol):
    """Who may log in, and what others may know of an account."""

    async def named(self, login: str) -> Holder | None:
        """The account of that login, whether or not anybody may log in as it."""
        ...

    async def account_with(self, number: int) -> Holder | None:
        """The account with that number."""
        ...

    async def group_named(self, address: str) -> str | None:
        """The address of a group as it is kept, None when there is no such group."""
        ...

    async def groups(self, account: int) -> Sequence[str]:
        """The addresses of the groups that an account is in, also through other groups."""
        ...

    async def accounts_of_group(self, address: str) -> Sequence[int]:
        """The accounts that are in a group, also through other groups."""
        ...

    async def set_quota(
        self, login: str, *, quota_bytes: int | None = None, quota_messages: int | None = None
    ) -> Holder:
        """Change what an account may hold; 0 is no limit."""
        ...


class Wire(access.Wire, Protocol):
    """The way to one client, of IMAP."""

    @property
    def compresses(self) -> bool:
        """Whether both ends compress."""
        ...

    def soon(self, work: Callable[[], None]) -> None:
        """Do this in the next turn of the event loop."""
        ...

    def news(self) -> None:
        """There may be something to tell a client that has used NOTIFY: at once, if no command runs."""
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
    sasl_secret: bytes  # 16 bytes or more, the same over restarts: for the salt of users that do not exist, and URLAUTH
    logins: Logins = UNCOUNTED
    hostname: str = "localhost"  # how URLs call this server
    indexes: Indexes | None = None  # for SEARCH, SORT and THREAD; None: they read messages
    deflaters: Deflaters = field(default_factory=Deflaters)
    arrangements: Arrangements = field(default_factory=Arrangements)
    large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LARGE_AT_ONCE))  # to search a message

    @property
    def service(self) -> str:
        """As scopes name it."""
        return "imap"

"""What the JMAP gateway needs of the rest of the server, as Protocols, so that tests can stand in for any of it.

The law: nothing here is more than the gateway uses. The real ones are actors.mailbox.client and
actors.directory.client; hosting passes them in.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from actors.directory.types import Group, Principal
from actors.mailbox.events import Entry
from actors.mailbox.mirror import Mirror
from actors.mailbox.types import Edited, EmailEdit, Item, Placed, Who
from actors.queue.types import Shown
from cluster.blobs.spool import Spool
from cluster.clock import Clock, Dice
from gateway.access import mail
from gateway.access.finding.finder import LARGE_AT_ONCE
from gateway.access.finding.indexes import Indexes
from gateway.access.parts import Log
from gateway.access.sharing import AclMode
from gateway.imap import parts as imap
from gateway.imap.parts import Holder
from gateway.jmap.cache import Fragments
from gateway.jmap.metrics import Metrics
from gateway.jmap.settings import JmapSettings
from gateway.push.desk import Desk
from gateway.smtp.submitting import Submissions
from mail.jmap.limits import Limits

__all__ = ["AclMode", "Directory", "Holder", "Log", "Mailboxes", "Services"]

ObjectChange = tuple[str, str, bytes | None]
Scope = Literal["", "jmap"]


class Directory(imap.Directory, Protocol):
    """Who may log in, and whether who has would be let in still; who may send as whom, and what others may know of an
    account and of groups."""

    async def stands(self, number: int, credential: str) -> bool:
        """Whether what somebody has logged in to an account with is good still."""
        ...

    async def addresses_of(self, account: int) -> Sequence[str]:
        """The addresses that are an account's own, the login's first, and then the aliases that lead to it. Raises
        Unavailable."""
        ...

    async def may_send_as(self, principal: Principal, address: str) -> bool:
        """Whether the address is one of the principal's own. Raises Unavailable."""
        ...

    async def group(self, address: str) -> Group | None:
        """A group."""
        ...

    async def neighbours(self, domains: Collection[str] | None, *, limit: int) -> Sequence[Holder | Group]:
        """Accounts and groups of these domains, or of all."""
        ...

    async def version(self) -> str:
        """What changes whenever any of it changes."""
        ...


class Mailboxes(mail.Mailboxes, Protocol):
    """And what JMAP asks besides."""

    async def mirror(self, account: int) -> Mirror:
        """All of an account as of now."""
        ...

    def log(self, account: int, since: int, until: int) -> AsyncIterator[list[tuple[int, Entry]]]:
        """What happened after `since` up to `until`, by pages."""
        ...

    async def exchange(self, account: int, circle: Sequence[str], *, who: Who | None = None) -> None:
        """Let each mailbox have the name of the next, and the last that of the first."""
        ...

    async def place(
        self, account: int, mailboxes: Sequence[int], items: Sequence[Item], *, who: Who | None = None
    ) -> Placed:
        """Store messages, each in all of these mailboxes."""
        ...

    async def edit(
        self, account: int, edits: Sequence[EmailEdit], *, since: int | None = None, who: Who | None = None
    ) -> Edited:
        """Change emails, each wholly or not at all."""
        ...

    async def keep(self, data: bytes) -> bytes:
        """Store bytes of which no message is made yet, and say their digest."""
        ...

    async def kept(self, digest: bytes) -> bytes:
        """The same bytes. Raises NotFound."""
        ...

    def spool(self) -> Spool:
        """A place for large bytes that are still to come; the caller's to close. Raises StoreFull, Unavailable."""
        ...

    async def keep_spool(self, data: Spool) -> None:
        """`keep` of what is in a spool."""
        ...

    async def kept_spool(self, digest: bytes) -> Spool:
        """`kept`, or the bytes of a message that is not inline, in a spool, which is the caller's to close."""
        ...

    async def object(self, account: int, kind: str, name: str) -> bytes | None:
        """One of them."""
        ...

    async def put_objects(self, account: int, changes: Sequence[ObjectChange], *, since: int | None = None) -> int:
        """Write objects, or remove them; the MODSEQ of that."""
        ...


class Queue(Protocol):
    """What may be asked of mail on its way out. Raises NotFound, Refused, Unavailable."""

    async def read(self, entry: bytes) -> Shown:
        """An entry."""
        ...

    async def hold(self, entry: bytes, by: str = "") -> Shown:
        """Lend it to nobody until it is released."""
        ...

    async def release(self, entry: bytes, by: str = "") -> Shown:
        """End a hold."""
        ...

    async def cancel(self, entry: bytes, by: str = "") -> Shown:
        """Never deliver it."""
        ...


class Sending(NamedTuple):
    """The way out."""

    submissions: Submissions
    queue: Queue


@dataclass(frozen=True, slots=True)
class Services:
    """What all requests of a process share."""

    mail: Mailboxes
    directory: Directory
    limits: Limits
    metrics: Metrics
    clock: Clock
    dice: Dice
    log: Log
    fragments: Fragments
    hostname: str = "localhost"
    settings: JmapSettings = field(default_factory=JmapSettings)
    desk: Desk | None = None  # makes subscriptions to push; None: there are none
    sending: Sending | None = None  # None: nobody sends from here
    indexes: Indexes | None = None  # without them, messages are read instead
    large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LARGE_AT_ONCE))  # to search a message

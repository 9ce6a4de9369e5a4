"""What the JMAP gateway needs of the rest of the server, as Protocols, so that tests can stand in for any of it.

The law: nothing here is more than the gateway uses. The real ones are actors.mailbox.client and
actors.directory.client; hosting passes them in.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from actors.directory.types import Group
from actors.mailbox.client import Message
from actors.mailbox.events import Entry
from actors.mailbox.mirror import Mirror
from actors.mailbox.types import Annotations, Edited, EmailEdit, Item, Looked, Placed, Prepared, Role, Tree, Who
from cluster.clock import Clock, Dice
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
from mail.jmap.limits import Limits

__all__ = ["AclMode", "Directory", "Holder", "Log", "Mailboxes", "Services"]

ObjectChange = tuple[str, str, bytes | None]
Scope = Literal["", "jmap"]


class Directory(imap.Directory, Protocol):
    """Who may log in, and what others may know of an account and of groups."""

    async def group(self, address: str) -> Group | None:
        """A group."""
        ...

    async def neighbours(self, domains: Collection[str] | None, *, limit: int) -> Sequence[Holder | Group]:
        """Accounts and groups of these domains, or of all."""
        ...

    async def version(self) -> str:
        """What changes whenever any of it changes."""
        ...


class Mailboxes(Protocol):
    """What may be asked of an account's mail. Raises the classes of cluster/errors.py."""

    async def mirror(self, account: int) -> Mirror:
        """All of an account as of now."""
        ...

    def log(self, account: int, since: int, until: int) -> AsyncIterator[list[tuple[int, Entry]]]:
        """What happened after `since` up to `until`, by pages."""
        ...

    async def prepare(self, raw: bytes, *, inline_bytes_max: int = ...) -> Prepared:
        """Read a new message and make its bytes ready to be added: with the command, or durable before it."""
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

    async def objects(self, account: int, kind: str) -> list[tuple[str, bytes]]:
        """All of the account's objects of a kind."""
        ...

    async def object(self, account: int, kind: str, name: str) -> bytes | None:
        """One of them."""
        ...

    async def put_objects(self, account: int, changes: Sequence[ObjectChange], *, since: int | None = None) -> int:
        """Write objects, or remove them; the MODSEQ of that."""
        ...

    async def look(self, account: int, name: str, who: Who | None = None) -> Looked:
        """One mailbox, for whoever may know of it."""
        ...

    async def tree(self, account: int, who: Who | None = None) -> Tree:
        """All mailboxes with their counts; of another's, those that `who` may know of."""
        ...

    async def create(self, account: int, name: str, role: Role = "", *, who: Who | None = None) -> int:
        """Make a mailbox; its number."""
        ...

    async def delete(self, account: int, name: str, *, who: Who | None = None) -> None:
        """Remove one with its messages."""
        ...

    async def rename(self, account: int, name: str, to: str, *, who: Who | None = None) -> None:
        """Rename one with all below it."""
        ...

    async def subscribe(self, account: int, name: str, on: bool) -> None:
        """Subscribe, or unsubscribe."""
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
        """Say what an identifier may do with a mailbox."""
        ...

    async def set_role(self, account: int, name: str, role: Role, *, who: Who | None = None) -> None:
        """Give a mailbox a special use, or none."""
        ...

    async def annotate(
        self, account: int, name: str, pairs: Sequence[tuple[str, bytes | None]], *, who: Who | None = None
    ) -> None:
        """Set annotations of a mailbox."""
        ...

    async def annotations(self, account: int, names: Sequence[str], who: Who | None = None) -> Annotations:
        """All annotations of these mailboxes."""
        ...

    async def sharing(self, names: Iterable[str]) -> Sequence[int]:
        """The accounts that share anything with one of these identifiers."""
        ...

    async def messages(self, account: int, emails: Sequence[int]) -> Sequence[Message | None]:
        """Messages by Email id; None for one that is gone meanwhile."""
        ...

    async def content(self, message: Message) -> bytes:
        """The whole raw message."""
        ...


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
    indexes: Indexes | None = None  # without them, messages are read instead
    large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LARGE_AT_ONCE))  # to search a message

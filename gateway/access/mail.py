"""What every protocol of mail access asks of an account's mailboxes, as a Protocol: tests stand in for it.

The law: nothing here is more than two of them use; what one of them needs beyond, its own parts say.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from actors.mailbox.client import Message
from actors.mailbox.types import Annotations, Looked, Prepared, Role, Tree, Who
from gateway.access.sharing import AclMode


class Mailboxes(Protocol):
    """What may be asked of an account's mailboxes. Raises the classes of cluster/errors.py."""

    async def prepare(self, raw: bytes, *, inline_bytes_max: int = ...) -> Prepared:
        """Read a new message and make its bytes ready to be added: with the command, or durable before it."""
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

    async def sharing(self, names: Iterable[str]) -> Sequence[int]:
        """The accounts that share anything with one of these identifiers."""
        ...

    async def objects(self, account: int, kind: str) -> list[tuple[str, bytes]]:
        """All of the account's objects of a kind."""
        ...

    async def messages(self, account: int, emails: Sequence[int]) -> Sequence[Message | None]:
        """Messages by Email id; None for one that is gone meanwhile."""
        ...

    async def content(self, message: Message) -> bytes:
        """The whole raw message."""
        ...

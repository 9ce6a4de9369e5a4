"""What a gateway may say to whoever owns an account, and what it is told: the same by direct call and across a cluster.

The law: an answer leaves only when what it says is durable; a watcher is told of a mailbox's changes, a follower of an
account's, in the log's order, each once, until it is `ended`.
"""

from collections.abc import Sequence
from typing import Protocol

from actors.mailbox import events as ev
from actors.mailbox.index import Index
from actors.mailbox.types import Command, Open, Opened, Reply, Tree
from cluster.errors import Trouble


class Told(Protocol):
    r"""Who is told of committed changes. `claims`: it wants new mail to be its \Recent."""

    claims: bool

    def changed(
        self, modseq: int, time_ms: int, events: Sequence[ev.Event], keywords: tuple[str, ...], *, mine: bool
    ) -> None:
        r"""Called in order, once a committed entry, never before it is durable. `mine`: if messages came in that a
        session was to get as \Recent, this watcher is the one."""
        ...

    def ended(self, trouble: Trouble) -> None:
        """There will be no more; whoever still wants to know watches anew."""
        ...


class Watcher(Told, Protocol):
    """Who is told of a mailbox's changes."""

    def opened(self, opened: Opened, index: Index) -> None:
        """Called once a watch, before any change: the mailbox as committed, with rows of its own to keep."""
        ...


class Follower(Told, Protocol):
    """Who is told of all changes of an account. It claims nothing."""

    def began(self, tree: Tree) -> None:
        """Called once a follow, before any change: the account as committed."""
        ...


class Owner(Protocol):
    """Owns accounts, or knows who does."""

    async def ask(self, account: int, command: Command, idem: bytes = b"") -> Reply:
        """Carry out a command; durable on return. One with the key of an earlier one is not carried out again, and
        answered as then. Raises Trouble."""
        ...

    async def watch(self, account: int, command: Open, watcher: Watcher) -> Opened:
        """Open a mailbox and tell the watcher: its rows as committed, then every later change. Raises Trouble."""
        ...

    def unwatch(self, account: int, mailbox: int, watcher: Watcher) -> None:
        """No more changes for this watcher."""
        ...

    async def follow(self, account: int, follower: Follower) -> Tree:
        """Tell the follower of the account as committed, then of every later change. Raises Trouble."""
        ...

    def unfollow(self, account: int, follower: Follower) -> None:
        """No more changes for this follower."""
        ...

    async def claims(self, account: int, watcher: Watcher, on: bool) -> None:
        r"""From now on the watcher wants new mail to be its \Recent, or no longer. Raises Trouble."""
        ...

    async def has_room(self, account: int, size: int) -> bool:
        """Whether a message of this size would fit the quota, as far as is known without reading the account."""
        ...

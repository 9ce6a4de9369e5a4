"""What an embedded store has to bring for optimistic.py to make serializable transactions of it.

The law: a snapshot never changes, and `commit` returns only when the writes are durable. All calls but those
of a write transaction come from the event loop's thread.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from cluster.errors import Unavailable
from cluster.meta.limits import Page
from cluster.meta.overlay import Overlay

if TYPE_CHECKING:
    from cluster.meta.validate import Changes


class Conflict(Unavailable):
    """What a transaction read has changed since, or its snapshot was taken away: run it again."""


class Broken(Unavailable):
    """A write went wrong in a way that leaves no trust in the files; no other is tried in this process."""


class View(Protocol):
    """Reads at one moment. Every call may raise Trouble; limits have been checked."""

    def get(self, key: bytes) -> bytes | None:
        """The value, or None."""
        ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        ...

    def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        """A page as limits.page_of cuts it; begin < end <= KEYS_END and limit > 0."""
        ...


class Snapshot(View, Protocol):
    """A view that stays as it was until closed."""

    def close(self) -> None:
        """Let go; again is harmless."""
        ...


class Engine(Protocol):
    """What an embedded store brings. As a view it sees the newest durable state. Called from the loop's thread."""

    def get(self, key: bytes) -> bytes | None: ...
    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]: ...
    def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page: ...

    def snapshot(self) -> Snapshot:
        """The newest durable state, held."""
        ...

    async def commit(self, changes: "Changes") -> None:
        """Validate and apply, durable on return. Raises Conflict and other Trouble: then nothing is applied."""
        ...

    async def close(self) -> None:
        """Finish commits under way and let go of the files."""
        ...


class WriteTransaction(View, Protocol):
    """The one write transaction, in the writer's thread: sees the newest state."""

    def apply(self, overlay: Overlay) -> None:
        """Clear the ranges, then remove and set. The overlay holds no adds any more."""
        ...

    def commit(self) -> None:
        """Durable on return."""
        ...

"""What the deliverer asks of the rest. Nothing else is known of them.

The law: nothing here raises but Trouble, and a courier not even that.
"""

from typing import Protocol

from actors.queue.types import Lent, Owed, Shown, Told, Work


class Lending(Protocol):
    """The queue shard of this process."""

    async def due(
        self, slot: int, limit: int, lease_s: int, *, lane: int = 1, after: bytes = b"", busy: tuple[str, ...] = ()
    ) -> Lent:
        """As QueueClient.due. Raises Moved where the slot is not here, Unavailable."""
        ...


class Queue(Protocol):
    """All queue shards: an entry may have moved to another while it was being delivered."""

    async def body(self, work: Work) -> bytes:
        """The message. Raises NotFound, Corrupt, Unavailable."""
        ...

    async def report(
        self,
        work: Work,
        told: tuple[Told, ...],
        *,
        until_ms: int = 0,
        owed: tuple[Owed, ...] = (),
        tried: bool = True,
    ) -> Shown:
        """As QueueClient.report. Raises NotFound, Refused, Unavailable."""
        ...

    async def notified(self, entry: bytes, owed: Owed) -> Shown:
        """As QueueClient.notified. Raises NotFound, Unavailable."""
        ...


class Notifying(Protocol):
    """Who tells senders (notices.py)."""

    async def tell(self, shown: Shown, owed: Owed, body: bytes | None) -> None:
        """Make the notice and hand it over; durable on return, and again is harmless. `body`: None where it is gone.
        Raises Unavailable: it is to be told later."""
        ...


class Pass(Protocol):
    """The leave to send one message."""

    def leave(self) -> None:
        """It was sent, or not: somebody else may."""
        ...


class Gate(Protocol):
    """Throttles: how many messages may be sent at once, and how often, by whatever keys."""

    async def enter(self, work: Work, cause: str) -> Pass | float:
        """The leave to send it now, or after how many seconds to ask again. `cause`: why the last
        attempt failed, in a word. Raises Unavailable: then it is asked again later."""
        ...


class _Free:
    def leave(self) -> None:
        """Nobody counts."""


class Open:
    """A gate that holds nobody up."""

    async def enter(self, work: Work, cause: str) -> Pass | float:  # noqa: ARG002 (Gate's signature)
        """Always now."""
        return _Free()


class Log(Protocol):
    """A structlog logger, or one that behaves like it."""

    def info(self, event: str, **fields: object) -> object:
        """What happened."""
        ...

    def warning(self, event: str, **fields: object) -> object:
        """What somebody should look at."""
        ...

    def error(self, event: str, **fields: object) -> object:
        """A defect."""
        ...

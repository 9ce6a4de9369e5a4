"""Where to send what: the interface between whoever knows the slot map and whoever calls shards."""

from typing import Protocol

from cluster.membership.members import Member


class Places(Protocol):
    """The newest that this process knows of members and slots."""

    def owner(self, kind: str, slot: int) -> Member | None:
        """Who owns the slot, and lives; None while nobody does."""
        ...

    async def changed(self, kind: str, slot: int, known: Member | None, timeout_s: float) -> None:
        """Return when `owner` is another than `known` (also the same name with another incarnation or address), or
        the time is over."""
        ...

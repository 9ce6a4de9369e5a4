"""Where lookups come from, in two sorts: held whole in memory, or asked key by key.

The law: a source that fails says so with Trouble and keeps what it had; it never blocks the event loop.
"""

from typing import Protocol

from cluster.lookup.table import Table
from cluster.rules.facts import Missing


class Whole(Protocol):
    """A source that is read as one."""

    every_s: float  # how often to look again; 0: never

    async def read(self) -> Table | None:
        """The table, None where it has not changed since. Raises Trouble, Misconfigured."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class Keyed(Protocol):
    """A source that is asked."""

    async def ask(self, key: str) -> str | Missing:
        """The value of a key, or NOT_THERE. Raises Trouble."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...

"""What others may tell and ask of traces."""

from typing import Protocol

from actors.trace.types import Note


class Tracing(Protocol):
    """Takes notes."""

    async def note(self, note: Note) -> None:
        """Keep it; durable on return. Never raises Trouble: mail does not wait for a trace that cannot be kept."""
        ...

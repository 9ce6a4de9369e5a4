"""How much of messages on their way all connections hold together, so that many large ones cannot fill the machine.

A soft bound first: who has begun a message may finish it, new ones wait with 452. At twice as much, large messages on
their way are cut off, or thousands that began together could not be bounded. Law: what is taken is given back.
"""

from typing import Final

LIGHT_BYTES: Final = 1024 * 1024  # so much of a message may always come: ordinary mail is not kept out by large


class Memory:
    """A count of bytes, shared by the connections of a server."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.held_bytes = 0

    @property
    def full(self) -> bool:
        """Whether no new message may begin."""
        return self.held_bytes >= self._bytes_max

    @property
    def overflows(self) -> bool:
        """Whether what is on its way is too much."""
        return self.held_bytes > 2 * self._bytes_max


class Share:
    """What one connection holds."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._bytes = 0

    def take(self, size_bytes: int) -> bool:
        """Bytes of a message have come; whether there is room for them."""
        self._bytes += size_bytes
        self._memory.held_bytes += size_bytes
        return self._bytes <= LIGHT_BYTES or not self._memory.overflows

    def give_back(self) -> None:
        """The message is stored or lost."""
        if self._bytes:
            self._memory.held_bytes -= self._bytes
            self._bytes = 0

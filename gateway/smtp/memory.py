"""How much of messages on their way all connections hold together, so that many large ones cannot fill the machine.

A soft bound: who has begun a message may finish it, new ones wait with 452. Law: what is taken is given back.
"""


class Memory:
    """A count of bytes, shared by the connections of a server."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.held_bytes = 0

    @property
    def full(self) -> bool:
        """Whether no new message may begin."""
        return self.held_bytes >= self._bytes_max


class Share:
    """What one connection holds."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._bytes = 0

    def take(self, size_bytes: int) -> None:
        """Bytes of a message have come."""
        self._bytes += size_bytes
        self._memory.held_bytes += size_bytes

    def give_back(self) -> None:
        """The message is stored or lost."""
        if self._bytes:
            self._memory.held_bytes -= self._bytes
            self._bytes = 0

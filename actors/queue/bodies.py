"""Small bodies that were queued a moment ago, for who delivers them in the same process: the store is not asked.

The law: never more bytes than its bound, and each is given out once: who asks again reads the store.
"""

from collections import OrderedDict
from typing import Final

BODIES_BYTES_MAX: Final = 16 * 1024 * 1024  # packed: some 5,000 messages, seconds of a busy server


class Bodies:
    """One a process. Packed as in the store."""

    def __init__(self, bytes_max: int = BODIES_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, entry: bytes, packed: bytes) -> None:
        """Remember a body until it is taken, or the room is needed."""
        self.take(entry)
        self._kept[entry] = packed
        self._bytes += len(packed)
        while self._bytes > self._bytes_max:
            _entry, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest)

    def take(self, entry: bytes) -> bytes | None:
        """The body, which is forgotten here; None where it is not known."""
        packed = self._kept.pop(entry, None)
        if packed is not None:
            self._bytes -= len(packed)
        return packed

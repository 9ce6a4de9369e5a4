"""Octets waiting to become lines. A line longer than its limit is thrown away as it comes, but for its two ends."""

from typing import NamedTuple

_TAIL_BYTES = 32
"""Enough to see a literal's `{4294967295+}` at the end of a line that was thrown away."""


class Line(NamedTuple):
    """A line without CRLF. If it was too long, `text` is its beginning only; `tail` ends as the line does."""

    text: bytes
    tail: bytes
    too_long: bool


class LineBuffer:
    """A line ends in CRLF; a bare LF is taken for one, as it can mean nothing else."""

    __slots__ = ("_data", "_head", "_scanned")

    def __init__(self) -> None:
        self._data = bytearray()
        self._scanned = 0
        self._head: bytes | None = None

    def __len__(self) -> int:
        return len(self._data)

    def add(self, data: bytes) -> None:
        self._data += data

    def take(self, count_bytes: int) -> bytes:
        """The first octets, at most `count_bytes`: a literal's. Only between lines."""
        taken = bytes(self._data[:count_bytes])
        del self._data[:count_bytes]
        return taken

    def clear(self) -> None:
        self._data.clear()
        self._scanned = 0
        self._head = None

    def line(self, max_bytes: int, head_bytes: int) -> Line | None:
        """The next line, or None if it is not whole yet. Of one above `max_bytes`, `head_bytes` are kept."""
        end = self._data.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(self._data)
            if self._scanned > max_bytes + 1:  # a CR may be the last octet
                self._discard(head_bytes)
            return None
        text = bytes(self._data[: end - 1 if end and self._data[end - 1] == 0x0D else end])
        del self._data[: end + 1]
        self._scanned = 0
        head, self._head = self._head, None
        if head is not None:
            return Line(head, text[-_TAIL_BYTES:], too_long=True)
        if len(text) > max_bytes:
            return Line(text[:head_bytes], text[-_TAIL_BYTES:], too_long=True)
        return Line(text, text, too_long=False)

    def _discard(self, head_bytes: int) -> None:
        if self._head is None:
            self._head = bytes(self._data[:head_bytes])
        del self._data[: -_TAIL_BYTES - 1]  # and a CR
        self._scanned = len(self._data)

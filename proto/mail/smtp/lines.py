"""The input of a session: lines of commands, and raw bytes of messages, from one buffer.

A line ends in LF here, so that one that lacks its CR is seen and refused; what is longer than its limit is not kept.
"""

from typing import Final

TOO_LONG: Final = b"\n"
"""Stands for a line that was not kept; no line has an LF in it. Compare with `is`."""


class Input:
    """What came and was not yet used: `data` from `at` on."""

    __slots__ = ("_skipping", "at", "data")

    def __init__(self) -> None:
        self.data = b""
        self.at = 0
        self._skipping = False

    @property
    def waiting_bytes(self) -> int:
        """How much is there."""
        return len(self.data) - self.at

    def add(self, data: bytes) -> None:
        """More from the peer."""
        self.data = self.data[self.at :] + data if self.at < len(self.data) else data
        self.at = 0

    def clear(self) -> None:
        """Forget what is there."""
        self.data = b""
        self.at = 0

    def take(self, bytes_max: int) -> bytes:
        """As many raw bytes as are there, and no more than asked for."""
        piece = self.data[self.at : self.at + bytes_max]
        self.at += len(piece)
        return piece

    def line(self, bytes_max: int, base64_bytes_max: int, *, base64: bool) -> bytes | None:
        """The next line without its LF; `TOO_LONG` for one that was not kept; None when it has not come whole.

        `base64`: this is the answer to a challenge; that and AUTH have a limit of their own (RFC 4954 4.3).
        """
        start = self.at
        end = self.data.find(b"\n", start)
        size = (end if end >= 0 else len(self.data)) - start
        if size >= bytes_max and not self._skipping:
            base64 = base64 or self.data[start : start + 5].upper() == b"AUTH "
            self._skipping = size >= (base64_bytes_max if base64 else bytes_max)
        if end < 0:
            if self._skipping:
                self.at = len(self.data)
            return None
        self.at = end + 1
        if self._skipping:
            self._skipping = False
            return TOO_LONG
        return self.data[start:end]

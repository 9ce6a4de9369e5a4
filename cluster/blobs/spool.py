"""Bytes that are too many for memory, in a file that has no name: while they come, are stored, or are read.

The law: in memory is one piece at a time, whatever the size; the file is gone when it is closed or its process ends.
It is filled once, from one thread at a time, and then read from any place in it. What touches the disk is for threads.
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

PIECE_BYTES: Final = 256 * 1024


class Spool:
    """A file of bytes. All that touches the disk raises OSError."""

    def __init__(self, directory: Path | None = None) -> None:
        """`directory`: on whose disk; None: where temporary files go (TMPDIR)."""
        self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115 (it lasts as long as this)
        self._hash = hashlib.sha256()
        self._lock = threading.Lock()  # who closes it waits for a thread that is at it still
        self.size = 0

    def add(self, data: bytes) -> None:
        """Some more of it."""
        rest = memoryview(data)
        with self._lock:
            while rest:
                rest = rest[self._file.write(rest) :]
            self._hash.update(data)
            self.size += len(data)

    @property
    def digest(self) -> bytes:
        """SHA-256 of all that was added."""
        return self._hash.digest()

    def read(self, at: int, count: int) -> bytes:
        """Up to so many bytes from a place on; fewer at the end alone."""
        with self._lock:
            found = os.pread(self._file.fileno(), count, at)
        if len(found) == count or at + len(found) >= self.size:
            return found
        return found + self.read(at + len(found), count - len(found))

    def pieces(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes between two places."""
        end = self.size if end is None else min(end, self.size)
        for at in range(start, end, PIECE_BYTES):
            yield self.read(at, min(PIECE_BYTES, end - at))

    def close(self) -> None:
        """Forget it; harmless twice."""
        with self._lock:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Reading:
    """A spool from its begin to its end, as libraries read a file."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._at = 0

    def read(self, count: int = -1) -> bytes:
        """The next bytes; none at the end."""
        left = self._spool.size - self._at
        found = self._spool.read(self._at, left if count < 0 else min(count, left))
        self._at += len(found)
        return found

"""One server for one data directory.

The law: a server takes the lock before it opens anything in the directory and holds it to its end. Command line
tools do not take it: the stores themselves serve several processes.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

from cluster.disk import make_directory
from cluster.errors import Locked, Misconfigured

NAME: Final = "LOCK"
_PID_BYTES_MAX: Final = 20


class DataLock:
    """The lock of a directory, held from its making to `release` (or the end of the process)."""

    def __init__(self, directory: Path) -> None:
        """Take the lock, making the directory if needed. Raises Locked, which names who holds it, and Misconfigured."""
        path = directory / NAME
        try:
            make_directory(directory)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Misconfigured(
                f"The data directory cannot be used: {error}. Let this user write there, or name another directory."
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._handle, _PID_BYTES_MAX).decode("ascii", "replace").strip() or "unknown"
            os.close(self._handle)
            raise Locked(
                f"Another server (process {holder}) uses {directory}: stop it, or name another data directory."
            ) from error
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let others in. The file stays: removing it would let two in."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

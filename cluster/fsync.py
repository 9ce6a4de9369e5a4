"""Making the names of files durable: a new or renamed file survives a power cut only when its directory is synced.

The law: whoever creates or renames a file that an acknowledgement rests on syncs its directory first.
"""

import os
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Wait until the directory's entries are on the disk. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(directory: Path) -> None:
    """Make a directory for its owner alone, with its parents, durably. Raises OSError."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    sync_directory(directory.parent)

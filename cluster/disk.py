"""What we ask of a disk beyond reading and writing: that names are durable, and how much is left.

The law: a new or renamed file survives a power cut only when its directory is synced, so whoever creates or
renames a file that an acknowledgement rests on syncs the directory first.
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


def free_bytes(path: Path) -> int:
    """What is left for us on the file system of this path. Raises OSError."""
    about = os.statvfs(path)
    return about.f_bavail * about.f_frsize

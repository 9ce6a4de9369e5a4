"""Objects as files, each under its name.

The law: a file has its name only when all its bytes are on the disk, and `put` returns only when the name is too.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

from cluster.blobs.checks import disk_trouble
from cluster.blobs.files import write_all
from cluster.blobs.objects import ObjectInfo, check_object, no_object
from cluster.blobs.spool import Spool
from cluster.blobs.threads import Threads
from cluster.clock import Clock, SystemClock
from cluster.disk import make_directory, sync_directory

THREADS: Final = 4
WAIT_S: Final = 60.0  # a disk that takes longer is as good as gone
LEFTOVER_S: Final = 24 * 3600  # a temporary file this old belongs to nobody
_TEMPORARY: Final = ".tmp"  # no object's name has a dot
T = TypeVar("T")


class FileObjects:
    """Objects in a directory, made with the first one. Several processes may use it at once."""

    def __init__(self, directory: Path, *, clock: Clock | None = None) -> None:
        self._directory = directory
        self._clock = clock or SystemClock()
        self._numbers = count()
        self._threads = Threads("objects", THREADS)

    async def put(self, name: str, data: bytes) -> None:
        """Store; durable on return. Raises StoreFull, Unavailable, TooLarge."""
        check_object(name, len(data))
        await self._run(partial(self._write, self._directory / name, [data]))

    async def put_spool(self, name: str, data: Spool) -> None:
        """Store what is in a spool. Raises StoreFull, Unavailable, TooLarge."""
        check_object(name, data.size)
        await self._run(lambda: self._write(self._directory / name, data.pieces()))

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """The bytes, or a part of them. Raises NotFound, Unavailable."""
        check_object(name)
        data = await self._run(partial(_read, self._directory / name, start, length))
        if data is None:
            raise no_object(name)
        return data

    async def head(self, name: str) -> ObjectInfo | None:
        """What is known of one."""
        check_object(name)
        return await self._run(partial(_info, self._directory / name, name))

    async def delete(self, name: str) -> None:
        """Remove; no error where there is none. Not synced: what comes back is removed again."""
        check_object(name)
        await self._run(partial((self._directory / name).unlink, missing_ok=True))

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """All whose name begins so, a directory at a time. What crashes left of old is removed on the way."""
        directories = [self._directory / prefix]
        oldest_ms = self._clock.now_ms() - LEFTOVER_S * 1000
        while directories:
            below, files = await self._run(partial(_look, self._directory, oldest_ms, directories.pop()))
            directories += below
            for info in files:
                yield info

    async def close(self) -> None:
        """Finish what is under way."""
        await self._threads.close()

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await self._threads.run(work, WAIT_S)
        except OSError as error:
            raise disk_trouble(error) from error

    # What follows runs in threads.

    def _write(self, path: Path, data: Iterable[bytes]) -> None:
        make_directory(path.parent)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{next(self._numbers)}{_TEMPORARY}")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                for piece in data:
                    write_all(handle, piece)
                now_ns = self._clock.now_ms() * 1_000_000
                os.utime(handle, ns=(now_ns, now_ns))
                os.fsync(handle)
            finally:
                os.close(handle)
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def _look(root: Path, oldest_ms: int, directory: Path) -> tuple[list[Path], list[ObjectInfo]]:
    """A directory's directories, and its objects."""
    below: list[Path] = []
    found: list[ObjectInfo] = []
    try:
        with os.scandir(directory) as scanned:
            entries = list(scanned)
    except FileNotFoundError:
        return below, found
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            below.append(path)
        elif (info := _info(path, path.relative_to(root).as_posix())) is None:
            continue  # removed meanwhile
        elif not entry.name.endswith(_TEMPORARY):
            found.append(info)
        elif info.stored_ms < oldest_ms:
            path.unlink(missing_ok=True)
    return below, found


def _read(path: Path, start: int, length: int | None) -> bytes | None:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(-1 if length is None else length)
    except FileNotFoundError:
        return None


def _info(path: Path, name: str) -> ObjectInfo | None:
    try:
        about = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return ObjectInfo(name, about.st_size, about.st_mtime_ns // 1_000_000)

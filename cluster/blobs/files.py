"""Blobs as files, one each, two directories deep: `ab/cd/abcd….blob`.

The law: a file has its name only when all its bytes are on the disk, and `put` returns only when the name is
too. Names are made of the digest's hex digits and nothing else. A blob's `stored_ms` is its file's mtime.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

from cluster.blobs.blobs import BlobInfo
from cluster.blobs.checks import check_got, check_put, disk_trouble, new_spool, not_found, unpacked
from cluster.blobs.codec import pack, pack_pieces, unpack
from cluster.blobs.spool import Spool
from cluster.clock import Clock, SystemClock
from cluster.disk import make_directory, sync_directory
from cluster.errors import Misconfigured, Unavailable

THREADS: Final = 8  # fsyncs at once: the disk gathers them
WAITING_MAX: Final = 64  # calls at once; others wait
LEFTOVER_S: Final = 3600  # a temporary file this old belongs to nobody
SUFFIX: Final = ".blob"

_NAME = re.compile(rf"([0-9a-f]{{64}}){re.escape(SUFFIX)}")
T = TypeVar("T")


class FileBlobs:
    """Blobs in a directory. Several processes may use it at once."""

    def __init__(self, directory: Path, *, clock: Clock | None = None, threads: int = THREADS) -> None:
        """Use, or make, the directory. Raises Misconfigured."""
        self._directory = directory
        self._temporary = directory / "tmp"
        self._clock = clock or SystemClock()
        self._numbers = count()
        self._room = asyncio.Semaphore(WAITING_MAX)
        self._closed = False
        try:
            make_directory(self._temporary)
            self._remove_leftovers()
        except OSError as error:
            raise Misconfigured(f"The directory for messages cannot be used: {error}") from error
        self._pool = ThreadPoolExecutor(threads, "blobs")

    async def put(self, digest: bytes, data: bytes, *, packed: bytes | None = None) -> None:
        """Store under the digest; durable on return. Raises StoreFull, Unavailable, TooLarge."""
        check_put(digest, len(data))
        await self._in_thread(partial(self._store, digest, data, packed))

    async def get(self, digest: bytes) -> bytes:
        """The bytes. Raises NotFound, Corrupt, Unavailable."""
        data = await self._in_thread(partial(_read, self._path(digest), digest))
        if data is None:
            raise not_found(digest)
        return data

    def spool(self) -> Spool:
        """A place for large bytes, on the same disk. Raises StoreFull, Unavailable."""
        return new_spool(self._temporary)

    async def put_spool(self, data: Spool) -> None:
        """Store what is in a spool; durable on return. Raises StoreFull, Unavailable, TooLarge."""
        digest = data.digest
        check_put(digest, data.size)
        await self._in_thread(lambda: self._write(self._path(digest), pack_pieces(data)))

    async def get_spool(self, digest: bytes) -> Spool:
        """The bytes. Raises NotFound, Corrupt, StoreFull, Unavailable."""
        spool = await self._in_thread(partial(_read_spool, self._path(digest), digest, self._temporary))
        if spool is None:
            raise not_found(digest)
        return spool

    async def delete(self, digest: bytes) -> None:
        """Remove; no error where there is none. Not synced: a blob that comes back is swept again."""
        path = self._path(digest)
        await self._in_thread(partial(path.unlink, missing_ok=True))

    async def list(self) -> AsyncIterator[BlobInfo]:
        """All blobs, a directory of about 1/65536 of them at a time."""
        for outer in await self._in_thread(partial(_fans, self._directory)):
            for inner in await self._in_thread(partial(_fans, outer)):
                for info in await self._in_thread(partial(_blobs_in, inner)):
                    yield info

    async def close(self) -> None:
        """Finish what is under way."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async with self._room:
            if self._closed:
                raise Unavailable("The message store is closed.")
            try:
                return await asyncio.get_running_loop().run_in_executor(self._pool, work)
            except OSError as error:
                raise disk_trouble(error) from error

    def _path(self, digest: bytes) -> Path:
        name = digest.hex()
        return self._directory / name[:2] / name[2:4] / (name + SUFFIX)

    # What follows runs in the pool's threads.

    def _store(self, digest: bytes, data: bytes, packed: bytes | None) -> None:
        path = self._path(digest)
        packed = packed or pack(data)
        if not self._renew(path, len(packed)):
            self._write(path, [packed])

    def _renew(self, path: Path, size_bytes: int) -> bool:
        """Whether the file is there with this size; then it counts as stored now."""
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            if os.fstat(handle).st_size != size_bytes:
                return False  # packed by another version, or damaged: the new one takes its place
            self._stamp(handle)
            os.fsync(handle)
            sync_directory(path.parent)  # another put may have renamed it and not synced yet
            return path.exists()  # unless it was swept meanwhile
        finally:
            os.close(handle)

    def _write(self, path: Path, packed: Iterable[bytes]) -> None:
        temporary = self._temporary / f"{path.name}.{os.getpid()}.{next(self._numbers)}"
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                for piece in packed:
                    write_all(handle, piece)
                self._stamp(handle)
                os.fsync(handle)
            finally:
                os.close(handle)
            make_directory(path.parent)
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)

    def _stamp(self, handle: int) -> None:
        now_ns = self._clock.now_ms() * 1_000_000
        os.utime(handle, ns=(now_ns, now_ns))

    def _remove_leftovers(self) -> None:
        old_s = self._clock.now_ms() / 1000 - LEFTOVER_S
        with os.scandir(self._temporary) as entries:
            for entry in entries:
                if entry.stat(follow_symlinks=False).st_mtime < old_s:
                    Path(entry.path).unlink(missing_ok=True)


def write_all(handle: int, data: bytes) -> None:
    """Write all of it."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _read(path: Path, digest: bytes) -> bytes | None:
    try:
        packed = path.read_bytes()
    except FileNotFoundError:
        return None
    return check_got(digest, unpack(packed))


def _read_spool(path: Path, digest: bytes, directory: Path) -> Spool | None:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        return unpacked(digest, file, directory)


def _fans(directory: Path) -> list[Path]:
    """The directories named with two hex digits."""
    try:
        with os.scandir(directory) as entries:
            return [Path(entry.path) for entry in entries if re.fullmatch("[0-9a-f]{2}", entry.name)]
    except FileNotFoundError:
        return []


def _blobs_in(directory: Path) -> list[BlobInfo]:
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if name := _NAME.fullmatch(entry.name):
                try:
                    stored_ms = entry.stat(follow_symlinks=False).st_mtime_ns // 1_000_000
                except FileNotFoundError:  # deleted meanwhile
                    continue
                found.append(BlobInfo(bytes.fromhex(name[1]), stored_ms))
    return found

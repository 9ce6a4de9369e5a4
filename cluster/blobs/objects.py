"""The object interface: named immutable bytes, as S3 has them. Blobs and packs are made of these.

The law: `put` returns only when the bytes are durable under the name; all that is put under one name at any time means
the same, so that doing it twice is harmless.
"""

import re
from collections.abc import AsyncIterator
from typing import Final, NamedTuple, Protocol

from cluster.blobs.blobs import BLOB_BYTES_MAX
from cluster.blobs.spool import Spool
from cluster.errors import NotFound, TooLarge

OBJECT_BYTES_MAX: Final = BLOB_BYTES_MAX + 65536  # a blob as stored; packs are far smaller
_NAME: Final = re.compile(r"[a-z0-9]+(?:/[a-z0-9]+){1,4}")  # safe as a path and as an S3 key


class ObjectInfo(NamedTuple):
    """One object. `stored_ms` is by the clock of the place it is stored in."""

    name: str
    size: int
    stored_ms: int


class Objects(Protocol):
    """A place for objects. All calls raise Unavailable, Misconfigured; `put` also StoreFull."""

    async def put(self, name: str, data: bytes) -> None:
        """Store; durable on return. Renews `stored_ms`. Raises TooLarge."""
        ...

    async def put_spool(self, name: str, data: Spool) -> None:
        """The same of what is in a spool, which stays the caller's to close: a few pieces are in memory, never all."""
        ...

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """The bytes from `start` on, fewer than `length` where the object ends before. Raises NotFound, Corrupt."""
        ...

    async def head(self, name: str) -> ObjectInfo | None:
        """What is known of one, None where there is none."""
        ...

    async def delete(self, name: str) -> None:
        """Remove; no error where there is none."""
        ...

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """All whose name begins so, in no particular order, bounded memory. `prefix` ends with a slash."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of resources."""
        ...


def check_object(name: str, size: int = 0) -> None:
    """Raise TooLarge unless this may be stored under that name."""
    if not _NAME.fullmatch(name) or size > OBJECT_BYTES_MAX:
        raise TooLarge(f"An object has up to {OBJECT_BYTES_MAX} bytes.", log=f"object {name!r}, {size} bytes")


def no_object(name: str) -> NotFound:
    """The error for an object that is not there."""
    return NotFound("What was stored is not there any more.", log=f"no object {name}")

"""Packs: many small blobs in one object, and the pointers that stand in the store in their place.

    pack     blob … blob entry … entry footer
    blob     as it was in the store (cluster/blobs/codec.py)
    entry    digest, offset, length
    footer   number of entries, first bytes of their SHA-256, mark

The law: a pack never changes and describes itself. A pointer begins with a byte that no codec has; whoever follows one
checks that what comes has the digest asked for.
"""

import hashlib
from collections.abc import Iterable
from struct import Struct
from typing import Final, NamedTuple

from actors.mailbox import keys
from cluster.blobs.blobs import DIGEST_BYTES
from cluster.blobs.checks import check_got
from cluster.blobs.codec import unpack
from cluster.blobs.objects import Objects
from cluster.errors import Corrupt, Misconfigured, NotFound
from cluster.meta.store import Reader

PREFIX: Final = "packs/"
PACK_ID_BYTES: Final = 16
POINTER_MARK: Final = 0x80
ENTRIES_MAX: Final = 1_000_000
TRIES: Final = 3  # a pointer that was read is old when its pack was rewritten meanwhile; the new one is read then

_POINTER: Final = Struct(f">B{PACK_ID_BYTES}sII")
_ENTRY: Final = Struct(f">{DIGEST_BYTES}sII")
_FOOTER: Final = Struct(">I8s8s")
_MARK: Final = b"ROOKPAK1"


class Pointer(NamedTuple):
    """Where a blob is: pack, offset and length in bytes."""

    pack: bytes
    offset: int
    length: int

    def encode(self) -> bytes:
        """As it stands in the store."""
        return _POINTER.pack(POINTER_MARK, *self)


class Entry(NamedTuple):
    """One blob of a pack."""

    digest: bytes
    offset: int
    length: int


def pointer_of(stored: bytes) -> Pointer | None:
    """The pointer, or None where the value is the blob itself. Raises Corrupt."""
    if stored[:1] != bytes((POINTER_MARK,)):
        return None
    if len(stored) != _POINTER.size:
        raise Corrupt("A stored message is damaged.", log=f"pointer of {len(stored)} bytes")
    return Pointer(*_POINTER.unpack(stored)[1:])


def name_of(pack: bytes) -> str:
    """The name of a pack's object."""
    text = pack.hex()
    return f"{PREFIX}{text[:2]}/{text}"


def pack_of(name: str) -> bytes | None:
    """The inverse; None where it is no pack's."""
    try:
        pack = bytes.fromhex(name.rpartition("/")[2])
    except ValueError:
        return None
    return pack if len(pack) == PACK_ID_BYTES and name_of(pack) == name else None


def build(blobs: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, list[Entry]]:
    """A pack of these (digest, bytes as stored), and what is in it."""
    parts: list[bytes] = []
    entries: list[Entry] = []
    offset = 0
    for digest, stored in blobs:
        entries.append(Entry(digest, offset, len(stored)))
        parts.append(stored)
        offset += len(stored)
    contents = b"".join(_ENTRY.pack(*entry) for entry in entries)
    parts += [contents, _FOOTER.pack(len(entries), hashlib.sha256(contents).digest()[:8], _MARK)]
    return b"".join(parts), entries


def entries_of(pack: bytes) -> list[Entry]:
    """What is in a pack. Raises Corrupt."""
    end = len(pack) - _FOOTER.size
    if end >= 0:
        number, check, mark = _FOOTER.unpack(pack[end:])
        contents = pack[max(0, end - number * _ENTRY.size) : end]
        whole = len(contents) == number * _ENTRY.size and hashlib.sha256(contents).digest()[:8] == check
        if mark == _MARK and number <= ENTRIES_MAX and whole:
            return [Entry(*entry) for entry in _ENTRY.iter_unpack(contents)]
    raise Corrupt("Stored messages are damaged.", log=f"pack of {len(pack)} bytes has no table of contents")


async def read_small(store: Reader, packs: Objects | None, digest: bytes) -> bytes:
    """A small blob's bytes, unpacked, from the store or from a pack. Raises NotFound, Corrupt, Unavailable."""
    for attempt in range(1, TRIES + 1):
        stored = await store.get(keys.blob(digest))
        if stored is None:
            raise NotFound("The message is gone.", log=f"blob {digest.hex()} is missing")
        pointer = pointer_of(stored)
        if pointer is None:
            return unpack(stored)
        if packs is None:
            raise Misconfigured(
                "The message is stored elsewhere.", log="messages were packed; set [store] blobs as it was"
            )
        try:
            return check_got(digest, unpack(await packs.get(name_of(pointer.pack), pointer.offset, pointer.length)))
        except NotFound as error:
            if attempt == TRIES:
                log = f"blob {digest.hex()}: pack {pointer.pack.hex()} is missing"
                raise Corrupt("A stored message is damaged.", log=log) from error
    raise AssertionError("the last attempt returns or raises")

"""actors/mailbox/packs.py: what a pack says of itself, and what a reader makes of pointers and damage."""

import random

import pytest

from actors.mailbox import keys
from actors.mailbox.packs import Entry, Pointer, build, entries_of, name_of, pack_of, pointer_of, read_small
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack, unpack
from cluster.blobs.objects_memory import MemoryObjects
from cluster.errors import Corrupt, Misconfigured, NotFound
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction

TEXTS = [b"", b"one", b"two " * 500, random.Random(1).randbytes(3000)]
BLOBS = [(digest_of(text), pack(text)) for text in TEXTS]
PACK = bytes(range(16))


async def _stored(pointer: bytes, digest: bytes) -> MemoryStore:
    store = MemoryStore()

    async def body(tr: Transaction) -> None:
        tr.set(keys.blob(digest), pointer)

    await store.transact(body)
    return store


def test_a_pack_describes_itself() -> None:
    data, entries = build(BLOBS)
    assert entries_of(data) == entries
    assert [entry.digest for entry in entries] == [digest for digest, _ in BLOBS]
    for entry, text in zip(entries, TEXTS, strict=True):
        assert unpack(data[entry.offset : entry.offset + entry.length]) == text
    assert entries_of(build([])[0]) == []


def test_a_damaged_pack_is_corrupt() -> None:
    data, _entries = build(BLOBS)
    contents = 40 * len(BLOBS) + 20
    for at in range(len(data) - contents, len(data)):
        damaged = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        with pytest.raises(Corrupt):
            entries_of(damaged)
    for length in (0, 1, 19, 20, len(data) - 1):
        with pytest.raises(Corrupt):
            entries_of(data[:length])


def test_no_blob_is_taken_for_a_pointer() -> None:
    pointer = Pointer(PACK, 5, 2**32 - 1)
    assert pointer_of(pointer.encode()) == pointer
    assert [pointer_of(stored) for _digest, stored in BLOBS] == [None] * len(BLOBS)
    with pytest.raises(Corrupt):
        unpack(pointer.encode())
    with pytest.raises(Corrupt):
        pointer_of(pointer.encode()[:-1])


def test_names() -> None:
    assert pack_of(name_of(PACK)) == PACK
    for name in ("packs/00/zz", "packs/ff/" + PACK.hex(), "packs/00/00", "blobs/00/" + PACK.hex(), ""):
        assert pack_of(name) is None


async def test_a_reader_follows_a_pointer_and_checks_what_comes() -> None:
    objects = MemoryObjects()
    data, entries = build(BLOBS)
    await objects.put(name_of(PACK), data)
    for entry, text in zip(entries, TEXTS, strict=True):
        store = await _stored(Pointer(PACK, entry.offset, entry.length).encode(), entry.digest)
        assert await read_small(store, objects, entry.digest) == text
    wrong = await _stored(Pointer(PACK, entries[1].offset, entries[1].length).encode(), entries[2].digest)
    with pytest.raises(Corrupt):
        await read_small(wrong, objects, entries[2].digest)
    with pytest.raises(Misconfigured):
        await read_small(wrong, None, entries[2].digest)
    with pytest.raises(NotFound):
        await read_small(wrong, objects, bytes(32))
    await objects.delete(name_of(PACK))
    with pytest.raises(Corrupt):
        await read_small(wrong, objects, entries[2].digest)


async def test_a_reader_takes_the_new_pointer_when_its_pack_has_gone() -> None:
    data, entries = build(BLOBS)
    digest, offset, length = entries[2]
    store = await _stored(Pointer(PACK, offset, length).encode(), digest)

    class Rewritten(MemoryObjects):
        async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
            if name == name_of(PACK):
                other = bytes(16)
                await self.put(name_of(other), data)

                async def body(tr: Transaction) -> None:
                    tr.set(keys.blob(digest), Pointer(other, offset, entries[2].length).encode())

                await store.transact(body)
            return await super().get(name, start, length)

    assert await read_small(store, Rewritten(), digest) == TEXTS[2]
    assert isinstance(entries[2], Entry)

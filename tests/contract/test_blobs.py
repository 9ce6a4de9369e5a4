"""What blobs.py promises, asked of every place for blobs."""

import asyncio
import random
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.blobs.blobs import BLOB_BYTES_MAX, BlobInfo, Blobs, digest_of
from cluster.blobs.files import FileBlobs
from cluster.blobs.instore import CHUNK_BYTES, CHUNKS_PER_TRANSACTION, InStoreBlobs
from cluster.blobs.memory import MemoryBlobs
from cluster.blobs.objects import Objects
from cluster.blobs.objects_files import FileObjects
from cluster.blobs.objects_memory import MemoryObjects
from cluster.blobs.objects_s3 import S3Objects
from cluster.blobs.s3 import ObjectBlobs
from cluster.clock import Clock, ManualClock, SystemClock
from cluster.errors import Corrupt, NotFound, TooLarge, Unavailable
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction
from tests import minio
from tests.contract.s3_server import bucket_for, shared_server

SIZES = [0, 1, 3000, 63 * 1024, 64 * 1024, CHUNK_BYTES, CHUNK_BYTES * (CHUNKS_PER_TRANSACTION + 3)]


PLACES = ["memory", "instore", "files", "objects-memory", "objects-files"]
REAL = pytest.param("s3", marks=pytest.mark.part(minio.PART))


class Waiting(SystemClock):
    """For a place that has a clock of its own: its times are told by it, and are ours within `APART_MS`."""

    APART_MS = 1000

    def advance(self, seconds: float) -> None:
        """As much of it as shows."""
        time.sleep(min(seconds / 50, 1.2))


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Clock:
    return Waiting() if request.node.callspec.params.get("blobs") == "s3" else ManualClock()


def times_are(found: set[BlobInfo], expected: set[BlobInfo], clock: Clock) -> bool:
    """Whether these are the blobs, with these times."""
    if isinstance(clock, ManualClock):
        return found == expected
    times = dict(expected)
    return dict(found).keys() == times.keys() and all(
        abs(stored_ms - times[digest]) < Waiting.APART_MS for digest, stored_ms in found
    )


@pytest.fixture(params=[*PLACES, REAL])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Blobs]:
    opened: Blobs
    objects: Objects = MemoryObjects(clock=clock)
    if request.param == "memory":
        opened = MemoryBlobs(clock=clock)
    elif request.param == "instore":
        opened = InStoreBlobs(MemoryStore(), b"blob/", clock=clock)
    elif request.param == "files":
        opened = FileBlobs(tmp_path / "blobs", clock=clock)
    else:
        if request.param == "objects-files":
            objects = FileObjects(tmp_path / "objects", clock=clock)
        elif request.param == "s3":
            objects = await S3Objects.open(shared_server().settings(bucket_for(tmp_path)))
        opened = ObjectBlobs(objects, clock=clock, renewed_ms=1)
    yield opened
    await opened.close()
    await objects.close()


def noise(size_bytes: int) -> bytes:
    return random.Random(size_bytes).randbytes(size_bytes)


async def listed(blobs: Blobs) -> set[BlobInfo]:
    return {info async for info in blobs.list()}


@pytest.mark.parametrize("size_bytes", SIZES)
@pytest.mark.parametrize("kind", ["text", "noise"])
async def test_get_gives_what_was_put(blobs: Blobs, size_bytes: int, kind: str) -> None:
    data = noise(size_bytes) if kind == "noise" else b"Hello! " * (size_bytes // 7)
    await blobs.put(digest_of(data), data)
    assert await blobs.get(digest_of(data)) == data


@pytest.mark.parametrize("size_bytes", SIZES)
@pytest.mark.parametrize("kind", ["text", "noise"])
async def test_a_spool_is_stored_and_read_like_bytes(blobs: Blobs, size_bytes: int, kind: str) -> None:
    data = noise(size_bytes) if kind == "noise" else b"Hello! " * (size_bytes // 7)
    with blobs.spool() as spool:
        for at in range(0, len(data), 100_000):
            spool.add(data[at : at + 100_000])
        assert (spool.size, spool.digest) == (len(data), digest_of(data))
        await blobs.put_spool(spool)
        await blobs.put_spool(spool)  # again is harmless
    assert await blobs.get(digest_of(data)) == data
    await blobs.delete(digest_of(data))
    await blobs.put(digest_of(data), data)
    with await blobs.get_spool(digest_of(data)) as found:
        assert found.read(0, found.size) == data
        assert b"".join(found.pieces(size_bytes // 3)) == data[size_bytes // 3 :]


async def test_no_spool_of_what_is_not_there(blobs: Blobs) -> None:
    with pytest.raises(NotFound):
        await blobs.get_spool(digest_of(b"absent"))


async def test_a_spool_is_not_held_in_memory(blobs: Blobs, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.params["blobs"]
    if "memory" in kind or kind == "instore":
        return  # twins, and a store of the tests: they are memory
    size, piece = 50_000_000, noise(1_000_000)
    tracemalloc.start()
    try:
        with blobs.spool() as spool:
            for _ in range(size // len(piece)):
                spool.add(piece)
            await blobs.put_spool(spool)
        with await blobs.get_spool(spool.digest) as found:
            assert found.size == size
            assert sum(map(len, found.pieces())) == size
        assert tracemalloc.get_traced_memory()[1] < size // 2  # a part of an upload to S3 has 8 MB, and a copy
    finally:
        tracemalloc.stop()


async def test_what_is_not_there_is_not_found(blobs: Blobs) -> None:
    with pytest.raises(NotFound):
        await blobs.get(digest_of(b"absent"))
    await blobs.delete(digest_of(b"absent"))
    assert await listed(blobs) == set()


async def test_delete_removes_one(blobs: Blobs) -> None:
    for data in (b"one", b"two", noise(SIZES[-1])):
        await blobs.put(digest_of(data), data)
    await blobs.delete(digest_of(b"one"))
    await blobs.delete(digest_of(noise(SIZES[-1])))
    with pytest.raises(NotFound):
        await blobs.get(digest_of(b"one"))
    with pytest.raises(NotFound):
        await blobs.get(digest_of(noise(SIZES[-1])))
    assert await blobs.get(digest_of(b"two")) == b"two"


async def test_list_gives_each_with_the_time_it_was_stored(blobs: Blobs, clock: ManualClock | Waiting) -> None:
    expected = set()
    for n in range(30):
        data = b"%d" % n
        await blobs.put(digest_of(data), data)
        expected.add(BlobInfo(digest_of(data), clock.now_ms()))
        clock.advance(1)
    assert times_are(await listed(blobs), expected, clock)


async def test_storing_again_renews(blobs: Blobs, clock: ManualClock | Waiting) -> None:
    await blobs.put(digest_of(b"x"), b"x")
    clock.advance(60)
    await blobs.put(digest_of(b"x"), b"x")
    assert times_are(await listed(blobs), {BlobInfo(digest_of(b"x"), clock.now_ms())}, clock)
    assert await blobs.get(digest_of(b"x")) == b"x"


async def test_many_at_once_and_the_same_one_twice(blobs: Blobs) -> None:
    datas = [noise(n * 1000) for n in range(40)] * 2
    await asyncio.gather(*[blobs.put(digest_of(data), data) for data in datas])
    assert await asyncio.gather(*[blobs.get(digest_of(data)) for data in datas]) == datas
    assert len(await listed(blobs)) == 40


async def test_what_is_over_a_limit_is_refused(blobs: Blobs) -> None:
    with pytest.raises(TooLarge):
        await blobs.put(b"short", b"x")
    with pytest.raises(TooLarge):
        await blobs.put(bytes(32), bytes(BLOB_BYTES_MAX + 1))


class TestFiles:
    async def test_it_holds_when_opened_again(self, tmp_path: Path) -> None:
        first = FileBlobs(tmp_path)
        await first.put(digest_of(b"x"), b"x")
        await first.close()
        with pytest.raises(Unavailable):
            await first.get(digest_of(b"x"))
        again = FileBlobs(tmp_path)
        assert await again.get(digest_of(b"x")) == b"x"
        await again.close()

    @pytest.mark.parametrize("damage", [b"", b"\0", b"\0other", b"\1nonsense", b"\2\0\0", b"\x77"])
    async def test_a_damaged_file_is_corrupt_and_storing_again_mends_it(self, tmp_path: Path, damage: bytes) -> None:
        blobs = FileBlobs(tmp_path)
        data = b"as it was " * 9
        await blobs.put(digest_of(data), data)
        (path,) = tmp_path.rglob("*.blob")
        path.write_bytes(damage)
        for get in (blobs.get, blobs.get_spool):
            with pytest.raises(Corrupt):
                await get(digest_of(data))
        await blobs.put(digest_of(data), data)
        assert await blobs.get(digest_of(data)) == data
        path.write_bytes(damage)
        with blobs.spool() as spool:
            spool.add(data)
            await blobs.put_spool(spool)
        assert await blobs.get(digest_of(data)) == data
        await blobs.close()

    async def test_what_a_crash_left_is_not_listed_and_goes_away(self, tmp_path: Path) -> None:
        blobs = FileBlobs(tmp_path)
        leftover = tmp_path / "tmp" / (digest_of(b"x").hex() + ".blob.1.1")
        leftover.write_bytes(b"\0half")
        assert await listed(blobs) == set()
        await blobs.close()
        clock = ManualClock(round(leftover.stat().st_mtime * 1000))
        await FileBlobs(tmp_path, clock=clock).close()
        assert leftover.exists(), "another process may be writing it"
        clock.advance(2 * 3600)
        await FileBlobs(tmp_path, clock=clock).close()
        assert not leftover.exists()


class TestInStore:
    async def test_a_blob_is_not_there_until_complete_but_the_sweeper_sees_it(self) -> None:
        data = noise(SIZES[-1])
        store = MemoryStore()
        blobs = InStoreBlobs(store, b"p")
        putting = asyncio.ensure_future(blobs.put(digest_of(data), data))
        while not await listed(blobs):
            await asyncio.sleep(0)
        with pytest.raises(NotFound):
            await blobs.get(digest_of(data))
        putting.cancel()
        await asyncio.gather(putting, return_exceptions=True)
        assert {info.digest for info in await listed(blobs)} == {digest_of(data)}
        await blobs.delete(digest_of(data))
        assert await store.range(b"", b"\xff") == []

    async def test_swept_while_stored_is_an_error(self) -> None:
        data = noise(SIZES[-1])
        blobs = InStoreBlobs(MemoryStore(), b"p")
        putting = asyncio.ensure_future(blobs.put(digest_of(data), data))
        while not await listed(blobs):
            await asyncio.sleep(0)
        await blobs.delete(digest_of(data))
        with pytest.raises(Unavailable):
            await putting
        with pytest.raises(NotFound):
            await blobs.get(digest_of(data))

    @pytest.mark.parametrize("how", ["lost", "changed"])
    async def test_a_damaged_chunk_is_corrupt(self, how: str) -> None:
        store = MemoryStore()
        blobs = InStoreBlobs(store, b"p")
        await blobs.put(digest_of(b"data"), b"data")

        async def damage(transaction: Transaction) -> None:
            ((key, value),) = await transaction.range(b"pc", b"pd")
            transaction.clear(key) if how == "lost" else transaction.set(key, value[:-1] + b"!")

        await store.transact(damage)
        with pytest.raises(Corrupt):
            await blobs.get(digest_of(b"data"))

    async def test_two_prefixes_are_apart(self) -> None:
        store = MemoryStore()
        one, other = InStoreBlobs(store, b"1/"), InStoreBlobs(store, b"2/")
        await one.put(digest_of(b"x"), b"x")
        assert await listed(other) == set()
        with pytest.raises(NotFound):
            await other.get(digest_of(b"x"))

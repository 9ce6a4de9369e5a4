"""cluster/blobs/s3.py: when an upload is skipped, and what of the bucket is no blob."""

from cluster.blobs.blobs import digest_of
from cluster.blobs.objects_memory import MemoryObjects
from cluster.blobs.s3 import RENEWED_MS, ObjectBlobs
from cluster.clock import ManualClock

DATA = b"as it was " * 100


class Counting(MemoryObjects):
    """Objects that know how often something was put."""

    puts = 0

    async def put(self, name: str, data: bytes) -> None:
        self.puts += 1
        await super().put(name, data)


async def test_what_is_there_since_lately_is_not_stored_again() -> None:
    clock = ManualClock()
    objects = Counting(clock=clock)
    blobs = ObjectBlobs(objects, clock=clock)
    for advance_ms, puts in ((0, 1), (RENEWED_MS - 1, 1), (1, 2), (0, 2)):
        clock.advance(advance_ms / 1000)
        await blobs.put(digest_of(DATA), DATA)
        assert objects.puts == puts
    ((_digest, stored_ms),) = [info async for info in blobs.list()]
    assert stored_ms == clock.now_ms()


async def test_another_size_is_stored_again() -> None:
    objects = Counting()
    blobs = ObjectBlobs(objects)
    await blobs.put(digest_of(DATA), DATA)
    (info,) = [info async for info in objects.list("blobs/")]
    await objects.put(info.name, b"\0cut")
    await blobs.put(digest_of(DATA), DATA)
    assert await blobs.get(digest_of(DATA)) == DATA


async def test_what_else_is_in_the_bucket_is_no_blob() -> None:
    objects = MemoryObjects()
    for name in ("packs/ab/cd", "blobs/ab/cd/ef", "blobs/zz", "other/" + "ab" * 32):
        await objects.put(name, b"x")
    assert [info async for info in ObjectBlobs(objects).list()] == []

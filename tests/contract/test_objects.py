"""What objects.py promises, asked of every place for objects."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.blobs.objects import OBJECT_BYTES_MAX, Objects
from cluster.blobs.objects_files import LEFTOVER_S, FileObjects
from cluster.blobs.objects_memory import MemoryObjects
from cluster.blobs.objects_s3 import PART_BYTES, S3Objects
from cluster.blobs.spool import Spool
from cluster.clock import ManualClock, SystemClock
from cluster.errors import NotFound, TooLarge, Unavailable
from tests import minio
from tests.contract.s3_server import bucket_for, shared_server


@pytest.fixture(params=["memory", "files", pytest.param("s3", marks=pytest.mark.part(minio.PART))])
async def objects(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Objects]:
    opened: Objects = MemoryObjects()
    if request.param == "files":
        opened = FileObjects(tmp_path / "objects")
    elif request.param == "s3":
        opened = await S3Objects.open(shared_server().settings(bucket_for(tmp_path)))
    yield opened
    await opened.close()


async def names(objects: Objects, prefix: str) -> set[str]:
    return {info.name async for info in objects.list(prefix)}


@pytest.mark.parametrize("size", [0, 1, 5000, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 5])
async def test_get_gives_what_was_put_and_parts_of_it(objects: Objects, size: int) -> None:
    data = random.Random(size).randbytes(size)
    before_ms = SystemClock().now_ms()
    await objects.put("a/b", data)
    assert await objects.get("a/b") == data
    middle = size // 3
    assert await objects.get("a/b", middle, 100) == data[middle : middle + 100]
    assert await objects.get("a/b", middle) == data[middle:]
    assert await objects.get("a/b", size, 10) == b""
    assert await objects.get("a/b", 0, 0) == b""
    with Spool() as spool:
        spool.add(data)
        await objects.put_spool("a/c", spool)
    assert await objects.get("a/c") == data
    head = await objects.head("a/b")
    assert head is not None
    assert (head.name, head.size) == ("a/b", size)
    assert abs(head.stored_ms - before_ms) < 20_000


async def test_what_is_not_there(objects: Objects) -> None:
    with pytest.raises(NotFound):
        await objects.get("a/b")
    with pytest.raises(NotFound):
        await objects.get("a/b", 5, 5)
    assert await objects.head("a/b") is None
    await objects.delete("a/b")
    assert await names(objects, "a/") == set()


async def test_put_again_takes_its_place(objects: Objects) -> None:
    await objects.put("a/b", b"one")
    await objects.put("a/b", b"other")
    assert await objects.get("a/b") == b"other"
    assert await names(objects, "a/") == {"a/b"}


async def test_list_has_the_prefix_only_and_all_pages(objects: Objects) -> None:
    mine = {f"a/{number % 7:02x}/{number}" for number in range(1050)}
    others = {"ab/c", "b/a/c"}
    for name in mine | others:
        await objects.put(name, b"")
    assert await names(objects, "a/") == mine
    assert await names(objects, "a/03/") == {name for name in mine if name.startswith("a/03/")}
    await objects.delete("a/01/1")
    assert await names(objects, "a/") == mine - {"a/01/1"}


async def test_many_at_once(objects: Objects) -> None:
    datas = {f"a/{number}": random.Random(number).randbytes(number * 1000) for number in range(50)}
    await asyncio.gather(*[objects.put(name, data) for name, data in datas.items()])
    assert await asyncio.gather(*[objects.get(name) for name in datas]) == list(datas.values())


@pytest.mark.parametrize(
    "name", ["", "a", "/a", "a/", "a//b", "../a", "a/../b", "A/b", "a/b.tmp", "a b/c", "a/b/c/d/e/f"]
)
async def test_names_are_plain(objects: Objects, name: str) -> None:
    with pytest.raises(TooLarge):
        await objects.put(name, b"")


async def test_what_is_too_large_is_refused(objects: Objects) -> None:
    with pytest.raises(TooLarge):
        await objects.put("a/b", bytes(OBJECT_BYTES_MAX + 1))


class TestFiles:
    async def test_it_holds_when_opened_again(self, tmp_path: Path) -> None:
        first = FileObjects(tmp_path)
        await first.put("a/b", b"x")
        await first.close()
        with pytest.raises(Unavailable):
            await first.get("a/b")
        again = FileObjects(tmp_path)
        assert await again.get("a/b") == b"x"
        await again.close()

    async def test_what_a_crash_left_is_not_listed_and_goes_away(self, tmp_path: Path) -> None:
        leftover = tmp_path / "a" / "b.1.1.tmp"
        leftover.parent.mkdir()
        leftover.write_bytes(b"half")
        clock = ManualClock(round(leftover.stat().st_mtime * 1000))
        objects = FileObjects(tmp_path, clock=clock)
        assert await names(objects, "a/") == set()
        assert leftover.exists(), "another process may be writing it"
        clock.advance(LEFTOVER_S + 1)
        assert await names(objects, "a/") == set()
        assert not leftover.exists()
        await objects.close()

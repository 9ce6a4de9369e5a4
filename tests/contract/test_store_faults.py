"""Stores that are killed, shared, full, cut short: nothing acknowledged is lost, and the error says what to do."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.blobs.blobs import digest_of
from cluster.blobs.files import FileBlobs
from cluster.errors import Corrupt, Misconfigured, StoreFull
from cluster.meta.lmdb import LmdbStore
from cluster.meta.lock import DataLock
from cluster.meta.store import Store, Transaction
from tests.contract.adapters import Adapter
from tests.contract.asking import everything, put

KILLS = 5
ROOT = Path(__file__).parents[2]


def start(what: str, adapter: Adapter, directory: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.contract.faults", what, adapter.name, str(directory)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}/proto:{ROOT}"},
        stdout=subprocess.PIPE,
    )


@pytest.fixture
def on_disk(adapter: Adapter) -> Adapter:
    if not adapter.data:
        pytest.skip(f"{adapter.name} has no files of its own")
    return adapter


@pytest.fixture
async def shared(adapter: Adapter, directory: Path) -> Adapter:
    """Opened here once: a server that all share is started by who opens first, and must not be a child's own."""
    if not adapter.is_shared:
        pytest.skip(f"{adapter.name} is in one process only")
    await (await adapter.open(directory)).close()
    return adapter


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    directory = tmp_path / "small"
    directory.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(directory)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted as root")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


@pytest.mark.kill
async def test_what_was_acknowledged_survives_kill_9(shared: Adapter, directory: Path) -> None:
    acknowledged: list[bytes] = []
    for _ in range(KILLS):
        child = start("commit", shared, directory)
        assert child.stdout is not None
        acknowledged += [child.stdout.readline().strip() for _ in range(40)]
        child.send_signal(signal.SIGKILL)
        acknowledged += [line.strip() for line in child.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
        child.wait()
    store = await shared.open(directory)
    assert len(acknowledged) >= KILLS * 40
    assert await store.get_many(acknowledged) == [key * 20 for key in acknowledged]
    keys = [key for key, _ in await everything(store) if key.startswith(b"k")]
    assert int.from_bytes(await store.get(b"count") or b"", "little") == len(keys), "a transaction landed in part"
    await store.close()


async def test_two_processes_at_once_are_serializable(shared: Adapter, directory: Path) -> None:
    store = await shared.open(directory)
    children = [start("count", shared, directory) for _ in range(2)]

    async def body(transaction: Transaction) -> None:
        transaction.set(b"n", b"%d" % (int(await transaction.get(b"n") or b"0") + 1))

    for _ in range(100):
        await store.transact(body)
    for child in children:
        assert await asyncio.to_thread(child.wait) == 0
        assert child.stdout is not None
        child.stdout.close()
    assert await store.get(b"n") == b"300"
    await store.close()


async def fill(store: Store, name: bytes) -> int:
    """Write until the disk is full; how many rows were acknowledged."""
    for n in range(10_000):
        try:
            await put(store, (b"%s%05d" % (name, n), b"v" * 20_000))
        except StoreFull:
            return n
    raise AssertionError("the disk was never full")


async def test_a_full_disk_loses_nothing_and_the_store_goes_on(on_disk: Adapter, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1_500_000))
    store = await on_disk.open(small_disk / "store")
    count = await fill(store, b"a")
    with pytest.raises(StoreFull):
        await put(store, *[(b"b%d" % n, b"v" * 90_000) for n in range(20)])
    assert [key for key, _ in await everything(store)] == [b"a%05d" % n for n in range(count)]
    ballast.unlink()
    more = await fill(store, b"c")
    assert more > 0
    await store.close()
    again = await on_disk.open(small_disk / "store")
    assert len(await everything(again)) == count + more
    await again.close()


async def test_one_too_large_for_the_disk_does_not_hurt_the_others(on_disk: Adapter, small_disk: Path) -> None:
    store = await on_disk.open(small_disk / "store")
    commits = [put(store, (b"small%d" % n, b"v")) for n in range(10)]
    commits.insert(5, put(store, *[(b"large%d" % n, b"v" * 100_000) for n in range(60)]))
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [StoreFull]
    assert [key for key, _ in await everything(store)] == [b"small%d" % n for n in range(10)]
    await store.close()


async def test_a_full_disk_is_said_for_files_too(small_disk: Path) -> None:
    blobs = FileBlobs(small_disk / "blobs")
    datas = [os.urandom(100_000) for _ in range(60)]
    stored = []
    for data in datas:
        try:
            await blobs.put(digest_of(data), data)
        except StoreFull:
            break
        stored.append(data)
    assert 0 < len(stored) < len(datas)
    assert {info.digest async for info in blobs.list()} == {digest_of(data) for data in stored}
    await blobs.delete(digest_of(stored[0]))
    await blobs.put(digest_of(stored[0]), stored[0])
    assert [await blobs.get(digest_of(data)) for data in stored] == stored
    assert list((small_disk / "blobs" / "tmp").iterdir()) == []
    await blobs.close()


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.01, 0.5, 0.9], ids=lambda keep: f"{keep:.1%}")
async def test_a_file_cut_short_is_corrupt_and_the_text_names_it(
    on_disk: Adapter, directory: Path, keep: float
) -> None:
    store = await on_disk.open(directory)
    await put(store, *[(b"%d" % n, b"v" * 5000) for n in range(300)])
    await store.close()
    data = directory / on_disk.data
    os.truncate(data, int(data.stat().st_size * keep))
    with pytest.raises(Corrupt) as caught:
        await on_disk.open(directory)
    assert str(data) in caught.value.log
    assert "backup" in caught.value.log


async def test_a_file_of_something_else_is_corrupt(on_disk: Adapter, directory: Path) -> None:
    directory.mkdir()
    (directory / on_disk.data).write_bytes(b"Dear diary, " * 3000)
    with pytest.raises(Corrupt):
        await on_disk.open(directory)


async def test_an_unknown_format_is_refused(on_disk: Adapter, directory: Path) -> None:
    await (await on_disk.open(directory)).close()
    data = directory / on_disk.data
    data.write_bytes(data.read_bytes().replace(b"rookery 1", b"rookery 9"))
    with pytest.raises(Misconfigured, match=r"rookery 9.*rookery 1.*run the version that wrote it"):
        await on_disk.open(directory)


async def test_a_directory_that_is_a_file_is_misconfigured(on_disk: Adapter, directory: Path) -> None:
    directory.write_bytes(b"")
    with pytest.raises(Misconfigured, match="directory"):
        await on_disk.open(directory)


async def test_a_second_server_is_told_who_has_the_data(tmp_path: Path) -> None:
    first = DataLock(tmp_path)
    with pytest.raises(Misconfigured, match=rf"process {os.getpid()}\b.*{tmp_path}.*stop it"):
        DataLock(tmp_path)
    first.release()
    first.release()
    DataLock(tmp_path).release()


async def test_the_lmdb_map_grows_under_running_transactions(directory: Path) -> None:
    store = await LmdbStore.open(directory, map_bytes=200_000)
    await put(store, (b"k", b"before"))
    runs = []

    async def body(transaction: Transaction) -> None:
        runs.append(await transaction.get(b"k"))
        await put(store, *[(b"%d/%d" % (len(runs), n), b"v" * 50_000) for n in range(20)])
        runs.append(await transaction.get(b"k"))
        transaction.set(b"out", b"1")

    await store.transact(body)
    assert set(runs) == {b"before"}
    assert len(await everything(store)) >= 22
    await store.close()


async def test_the_lmdb_map_that_another_process_made_larger_is_adopted(directory: Path) -> None:
    small = await LmdbStore.open(directory, map_bytes=200_000)
    await put(small, (b"k", b"1"))
    child = subprocess.run(
        [sys.executable, "-c", _GROW, str(directory)], env={**os.environ, "PYTHONPATH": f"{ROOT}/proto:{ROOT}"}
    )
    assert child.returncode == 0
    assert await small.get(b"large59") == b"v" * 90_000
    await put(small, (b"k", b"2"))
    assert await small.get(b"k") == b"2"
    await small.close()


_GROW = """
import asyncio, pathlib, sys
from cluster.meta.lmdb import LmdbStore
async def main():
    store = await LmdbStore.open(pathlib.Path(sys.argv[1]))
    async def body(transaction):
        for n in range(60):
            transaction.set(b"large%d" % n, b"v" * 90_000)
    await store.transact(body)
    await store.close()
asyncio.run(main())
"""


async def test_the_lmdb_directory_opened_twice_in_one_process_is_misconfigured(directory: Path) -> None:
    store = await LmdbStore.open(directory)
    with pytest.raises(Misconfigured, match="already open"):
        await LmdbStore.open(directory)
    await put(store, (b"a", b"1"))
    await store.close()

"""What messages in an S3 store cost: put, get, and reads out of packs.

    python -m ops.bench.blobs --config FILE

The settings file names the S3 store; what is there already is not touched, what is written here is removed.

The law: every figure is measured here and now, in one run; none is asserted.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from actors.mailbox import keys
from actors.mailbox.packing import STEP_BLOBS, Move, write_pack
from actors.mailbox.packs import name_of, read_small
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
from cluster.blobs.objects_s3 import S3Objects
from cluster.blobs.s3 import ObjectBlobs
from cluster.config import load
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction
from ops.settings import Settings

SIZES: Final = (4_000, 100_000, 1_000_000, 25_000_000)
BUDGET_BYTES: Final = 100_000_000  # of one size, at most
TIMES_MAX: Final = 200
TOGETHER: Final = 8
PACKED: Final = 2_000  # blobs of 4 kB in one pack: about 8 MB


async def _timed(works: list[Callable[[], Awaitable[object]]], together: int) -> tuple[float, float]:
    """The median of one in ms, and how many a second."""
    took: list[float] = []
    waiting = iter(works)

    async def one() -> None:
        for work in waiting:
            begun = time.perf_counter()
            await work()
            took.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*[one() for _ in range(together)])
    return median(took) * 1000, len(works) / (time.perf_counter() - begun)


async def _of_size(blobs: ObjectBlobs, size: int, together: int) -> list[str]:
    times = max(together, min(TIMES_MAX, BUDGET_BYTES // size))
    datas = {digest_of(data): data for data in (os.urandom(size) for _ in range(times))}
    put = await _timed([lambda d=d, b=b: blobs.put(d, b) for d, b in datas.items()], together)  # type: ignore[misc]
    again = await _timed([lambda d=d, b=b: blobs.put(d, b) for d, b in datas.items()], together)  # type: ignore[misc]
    get = await _timed([lambda d=d: blobs.get(d) for d in datas], together)  # type: ignore[misc]
    for digest in datas:
        await blobs.delete(digest)
    return [f"{figure:,.1f}" for ms_and_rate in (put, again, get) for figure in ms_and_rate]


async def _out_of_packs(objects: S3Objects, together: int) -> list[str]:
    """Blobs of 4 kB in a pack: making and pointing at it (ms in all), then reading one."""
    store = MemoryStore()
    moves = []
    for _ in range(PACKED):
        data = os.urandom(SIZES[0])
        moves.append(Move(digest_of(data), pack(data), pack(data)))
    for start in range(0, PACKED, STEP_BLOBS):
        await store.transact(lambda tr, start=start: _fill(tr, moves[start : start + STEP_BLOBS]))  # type: ignore[misc]
    name = os.urandom(16)
    begun = time.perf_counter()
    await write_pack(store, objects, name, 0, moves)
    made_ms = (time.perf_counter() - begun) * 1000
    wanted = [move.digest for move in moves[:: PACKED // TIMES_MAX]]
    get = await _timed([lambda d=d: read_small(store, objects, d) for d in wanted], together)  # type: ignore[misc]
    await objects.delete(name_of(name))
    return [f"{figure:,.1f}" for figure in (made_ms, *get)]


async def _fill(tr: Transaction, moves: list[Move]) -> None:
    for move in moves:
        tr.set(keys.blob(move.digest), move.packed)


async def _measure(settings: Settings, console: Console) -> None:
    objects = await S3Objects.open(settings.store.s3)
    blobs = ObjectBlobs(objects)
    table = Table("bytes", "at once", "put ms", "put /s", "again ms", "again /s", "get ms", "get /s")
    packs = Table("at once", "make a pack of 2,000 of 4 kB, ms", "read one ms", "read /s")
    for together in (1, TOGETHER):
        for size in SIZES:
            table.add_row(f"{size:,}", str(together), *await _of_size(blobs, size, together))
        packs.add_row(str(together), *await _out_of_packs(objects, together))
    console.print(table, packs)
    await objects.close()


@click.command()
@click.option("--config", type=click.Path(exists=True, path_type=Path), required=True, help="Names [store.s3].")
def main(config: Path) -> None:
    """Measure the S3 store that the settings name."""
    asyncio.run(_measure(load(Settings, config.read_text(), dict(os.environ)), Console(width=120)))


if __name__ == "__main__":
    main()

"""What the stores cost: durable transactions a second, reads, and the event loop's share of a commit.

    python -m ops.bench.store [--directory DIR] [--seconds S] [--config FILE] [KIND ...]

The stores across the network are those that the settings file names; what is there already is not touched, what is
written here is removed.

The law: every figure is measured here and now, in one run, on the disk named; none is asserted.
"""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

import click
from msgspec import structs
from rich.console import Console
from rich.table import Table

from cluster.clock import SystemClock
from cluster.config import load
from cluster.meta.limits import KEYS_END
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Store, Transaction
from ops.core import open_store
from ops.settings import Settings, StoreSettings

EMBEDDED: Final = ("lmdb", "sqlite", "memory")
KINDS: Final = (*EMBEDDED, "postgresql", "foundationdb")
ROWS: Final = 50_000
VALUE: Final = b"v" * 150
SHARD_SETS: Final = 80  # what one commit of a busy mailbox shard writes
SHARD_VALUE: Final = os.urandom(1500)


class Figures(NamedTuple):
    """One store's figures, in the order of the table."""

    concurrent: dict[int, float]  # transactions in flight -> durable 4-put transactions a second
    get_us: float
    get_in_transaction_us: float
    get_many_us: float  # of 100
    range_us: float  # of 1000 rows
    shard_commit_ms: float  # 80 sets of 1.5 kB, wall
    shard_loop_us: float  # and the event loop's thread's CPU time in it


async def open_fresh(kind: str, directory: Path, settings: StoreSettings) -> Store:
    """A fresh store of the kind: of those across the network, a schema or prefix beside the one that is in use."""
    if kind == "memory":
        return MemoryStore()
    beside = StoreSettings(
        kind=kind,  # type: ignore[arg-type] # click has checked it
        postgresql=structs.replace(settings.postgresql, schema=f"{settings.postgresql.schema}_bench"),
        foundationdb=structs.replace(settings.foundationdb, prefix=f"{settings.foundationdb.prefix}-bench"),
    )
    store = await open_store(directory, beside, SystemClock())
    await clear(store)
    return store


async def clear(store: Store) -> None:
    """Remove all rows, in transactions that every store takes."""

    async def body(transaction: Transaction) -> None:
        transaction.clear_range(b"", KEYS_END)

    await store.transact(body)


async def durable_a_second(store: Store, concurrent: int, seconds: float) -> float:
    """4-put transactions a second with so many in flight."""
    done = 0
    stop = time.perf_counter() + seconds

    async def worker(number: int) -> None:
        nonlocal done
        turn = 0
        while time.perf_counter() < stop:
            turn += 1
            base = b"w%05d/%09d/" % (number, turn)

            async def body(transaction: Transaction, base: bytes = base) -> None:
                for at in range(4):
                    transaction.set(base + b"%d" % at, VALUE)

            await store.transact(body)
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*[worker(number) for number in range(concurrent)])
    return done / (time.perf_counter() - started)


async def best_us(work: Callable[[], Awaitable[object]], times: int) -> float:
    """The least of five rounds, microseconds a call."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(times):
            await work()
        best = min(best, (time.perf_counter() - started) / times)
    return best * 1e6


async def fill(store: Store) -> list[bytes]:
    """The rows that the reads read."""
    keys = [b"r%011d" % (number * 7) for number in range(ROWS)]
    for first in range(0, ROWS, 10_000):

        async def body(transaction: Transaction, some: list[bytes] = keys[first : first + 10_000]) -> None:
            for key in some:
                transaction.set(key, VALUE)

        await store.transact(body)
    return keys


async def shard_commits(store: Store, commits: int = 100) -> tuple[float, float]:
    """(milliseconds, event loop's CPU microseconds) of a commit like a mailbox shard's, one after another."""
    turn = 0

    async def body(transaction: Transaction) -> None:
        await transaction.get(b"epoch")
        for at in range(SHARD_SETS):
            transaction.set(b"shard/%09d/%02d" % (turn, at), SHARD_VALUE)

    started, started_cpu = time.perf_counter(), time.thread_time()
    for turn in range(commits):  # noqa: B007 - the body reads it
        await store.transact(body)
    cpu = time.thread_time() - started_cpu
    return (time.perf_counter() - started) / commits * 1e3, cpu / commits * 1e6


async def measure(kind: str, directory: Path, seconds: float, settings: StoreSettings) -> Figures:
    """All figures of one store."""
    store = await open_fresh(kind, directory, settings)
    keys = await fill(store)
    key = keys[ROWS // 2]

    async def in_transaction(transaction: Transaction) -> float:
        absent = iter(keys)
        return await best_us(lambda: transaction.get(next(absent)), 2000)

    figures = Figures(
        concurrent={number: await durable_a_second(store, number, seconds) for number in (1, 16, 64, 256)},
        get_us=await best_us(lambda: store.get(key), 5000),
        get_in_transaction_us=await store.transact(in_transaction),
        get_many_us=await best_us(lambda: store.get_many(keys[::500]), 200),
        range_us=await best_us(lambda: store.range(key, b"s", limit=1000), 50),
        shard_commit_ms=0.0,
        shard_loop_us=0.0,
    )
    wall_ms, loop_us = await shard_commits(store)
    await clear(store)
    await store.close()
    return figures._replace(shard_commit_ms=wall_ms, shard_loop_us=loop_us)


def table_of(found: dict[str, Figures]) -> Table:
    """The figures, a store a column."""
    table = Table("", *found)
    for number in (1, 16, 64, 256):
        table.add_row(f"4-put txn/s, {number} at once", *[f"{each.concurrent[number]:,.0f}" for each in found.values()])
    for name, field in (
        ("get us", "get_us"),
        ("get in a transaction us", "get_in_transaction_us"),
        ("get_many of 100 us", "get_many_us"),
        ("range of 1000 us", "range_us"),
        (f"{SHARD_SETS} sets commit ms", "shard_commit_ms"),
        ("of it loop CPU us", "shard_loop_us"),
    ):
        table.add_row(name, *[f"{getattr(each, field):,.2f}" for each in found.values()])
    return table


@click.command()
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False), help="Where to put the stores.")
@click.option("--seconds", default=1.0, help="How long each rate is measured.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The settings of stores elsewhere.")
@click.argument("kinds", nargs=-1, type=click.Choice(KINDS))
def main(directory: Path | None, seconds: float, config: Path | None, kinds: tuple[str, ...]) -> None:
    """Measure the stores and print one table."""
    run = asyncio.run
    with contextlib.suppress(ImportError):
        import uvloop

        run = uvloop.run
    settings = load(Settings, config, os.environ).store if config else StoreSettings()
    found = {}
    for kind in kinds or EMBEDDED:
        where = Path(tempfile.mkdtemp(dir=directory))
        try:
            found[kind] = run(measure(kind, where, seconds, settings))
        finally:
            shutil.rmtree(where)
    Console().print(table_of(found))


if __name__ == "__main__":
    main()

"""The stores that the contract suites run over. A new adapter joins STORES."""

import atexit
import hashlib
import os
import secrets
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from cluster.clock import Clock
from cluster.meta.foundationdb import FoundationdbStore
from cluster.meta.foundationdb_binding import load
from cluster.meta.lmdb import LmdbStore
from cluster.meta.memory import MemoryStore
from cluster.meta.postgresql import PostgresqlStore
from cluster.meta.settings import FoundationdbSettings
from cluster.meta.sqlite import SqliteStore
from cluster.meta.store import Store
from tests import foundationdb_double, postgresql


class Open(Protocol):
    """Opens the store of a directory, making it if needed."""

    async def __call__(self, directory: Path, *, clock: Clock | None = None) -> Store: ...


class Adapter(NamedTuple):
    """How the suite gets a store, and what kind it is."""

    name: str
    open: Open
    is_durable: bool = True  # opened again it holds what it held
    data: str = ""  # the main file in its directory, for those that have one
    is_shared: bool = True  # other processes may open it at the same time
    examples: int = 120  # that the model test plays: fewer where a store is slow to open
    part: str = ""  # of ops/parts.py, which it needs
    why_not: Callable[[], str] = str  # a reason to skip it here, or nothing

    @property
    def marks(self) -> list[pytest.MarkDecorator]:
        """For pytest: what it needs."""
        return [pytest.mark.part(self.part)] if self.part else []


async def open_memory(directory: Path, *, clock: Clock | None = None) -> Store:
    return MemoryStore(clock=clock)


def name_of(directory: Path) -> str:
    """The place of a directory's store in a server that all tests share."""
    return f"d{hashlib.blake2b(str(directory).encode(), digest_size=12).hexdigest()}"


async def open_postgresql(directory: Path, *, clock: Clock | None = None) -> Store:
    settings = postgresql.settings_at(postgresql.shared_folder(), name_of(directory))
    return await PostgresqlStore.open(settings, clock=clock)


DOUBLE = foundationdb_double.Fdb()


async def open_double(directory: Path, *, clock: Clock | None = None) -> Store:
    settings = FoundationdbSettings(cluster_file=str(directory))
    return await FoundationdbStore.open(settings, clock=clock, binding=DOUBLE)


CLEAR_MS = 10_000
CLEAR_TRIES = 10
RUN = "ROOKERY_TEST_RUN"  # programs that a test starts use its part of the cluster, whoever opens it first
IS_FIRST = RUN not in os.environ
os.environ.setdefault(RUN, secrets.token_hex(8))


async def open_foundationdb(directory: Path, *, clock: Clock | None = None) -> Store:
    _clear_at_exit()
    settings = FoundationdbSettings(prefix=f"test-{os.environ[RUN]}-{name_of(directory)}")
    return await FoundationdbStore.open(settings, clock=clock)


@cache
def _clear_at_exit() -> None:
    load()
    if IS_FIRST:
        atexit.register(clear_foundationdb, f"\x02test-{os.environ[RUN]}-".encode())


def clear_foundationdb(begin: bytes) -> None:
    """Leave nothing in the cluster, if it answers: this runs before the binding's own end."""
    database: Any = load().open()
    transaction = database.create_transaction()
    transaction.options.set_timeout(CLEAR_MS)
    transaction.options.set_retry_limit(CLEAR_TRIES)
    while True:
        try:
            transaction.clear_range(begin, begin + b"\xff")
            transaction.commit().wait()
            return
        except Exception as error:
            try:
                transaction.on_error(getattr(error, "code", 0)).wait()
            except Exception:
                sys.stderr.write(f"what tests wrote stays in FoundationDB behind {begin!r}: {error}\n")
                return


def no_foundationdb() -> str:
    """Why not, or nothing. Where a cluster is named all tests run over it, and fail if it cannot be used."""
    return "" if os.environ.get("FDB_CLUSTER_FILE") else "FDB_CLUSTER_FILE names no cluster"


STORES = [
    Adapter("memory", open_memory, is_durable=False, is_shared=False),
    Adapter("lmdb", LmdbStore.open, data="data.mdb"),
    Adapter("sqlite", SqliteStore.open, data="store.sqlite"),
    Adapter("postgresql", open_postgresql, examples=30, part=postgresql.PART),
    Adapter("foundationdb-double", open_double, is_shared=False),
    Adapter("foundationdb", open_foundationdb, examples=30, why_not=no_foundationdb),
]


def parameters(adapters: Iterable[Adapter] = STORES) -> list[Any]:
    """The adapters for a parametrized test or fixture, each with its name and the part it needs.

    Those that cannot run here are left out: test_store_adapters.py says so once.
    """
    return [
        pytest.param(adapter, id=adapter.name, marks=adapter.marks) for adapter in adapters if not adapter.why_not()
    ]

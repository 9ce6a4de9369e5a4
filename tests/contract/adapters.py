"""The stores that the contract suites run over. A new adapter joins STORES."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from cluster.clock import Clock
from cluster.meta.lmdb import LmdbStore
from cluster.meta.memory import MemoryStore
from cluster.meta.sqlite import SqliteStore
from cluster.meta.store import Store


class Open(Protocol):
    """Opens the store of a directory, making it if needed."""

    async def __call__(self, directory: Path, *, clock: Clock | None = None) -> Store: ...


class Adapter(NamedTuple):
    """How the suite gets a store, and what kind it is."""

    name: str
    open: Open
    is_durable: bool = True  # opened again it holds what it held
    data: str = ""  # the main file in its directory, for those that have one
    why_not: Callable[[], str] = str  # a reason to skip it here, or nothing


async def open_memory(directory: Path, *, clock: Clock | None = None) -> Store:
    return MemoryStore(clock=clock)


STORES = [
    Adapter("memory", open_memory, is_durable=False),
    Adapter("lmdb", LmdbStore.open, data="data.mdb"),
    Adapter("sqlite", SqliteStore.open, data="store.sqlite"),
]

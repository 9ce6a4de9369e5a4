"""The stores that the contract suites run over. A new adapter joins STORES and, if it blobs, BLOBS."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from cluster.meta.lmdb import LmdbStore
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Store


class Adapter(NamedTuple):
    """How the suite gets a store, and what kind it is."""

    name: str
    open: Callable[[Path], Awaitable[Store]]
    is_durable: bool = True  # opened again it holds what it held
    data: str = ""  # the main file in its directory, for those that have one
    why_not: Callable[[], str] = str  # a reason to skip it here, or nothing


async def open_memory(directory: Path) -> Store:
    return MemoryStore()


STORES = [
    Adapter("memory", open_memory, is_durable=False),
    Adapter("lmdb", LmdbStore.open, data="data.mdb"),
]

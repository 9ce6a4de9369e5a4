"""The stores that the contract suites run over. A new adapter joins STORES."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from cluster.clock import Clock
from cluster.meta.lmdb import LmdbStore
from cluster.meta.memory import MemoryStore
from cluster.meta.postgresql import PostgresqlStore
from cluster.meta.sqlite import SqliteStore
from cluster.meta.store import Store
from tests import postgresql


class Open(Protocol):
    """Opens the store of a directory, making it if needed."""

    async def __call__(self, directory: Path, *, clock: Clock | None = None) -> Store: ...


class Adapter(NamedTuple):
    """How the suite gets a store, and what kind it is."""

    name: str
    open: Open
    is_durable: bool = True  # opened again it holds what it held
    data: str = ""  # the main file in its directory, for those that have one
    part: str = ""  # of ops/parts.py, which it needs
    why_not: Callable[[], str] = str  # a reason to skip it here, or nothing


async def open_memory(directory: Path, *, clock: Clock | None = None) -> Store:
    return MemoryStore(clock=clock)


def name_of(directory: Path) -> str:
    """The place of a directory's store in a server that all tests share."""
    return f"d{hashlib.blake2b(str(directory).encode(), digest_size=12).hexdigest()}"


async def open_postgresql(directory: Path, *, clock: Clock | None = None) -> Store:
    settings = postgresql.settings_at(postgresql.shared_folder(), name_of(directory))
    return await PostgresqlStore.open(settings, clock=clock)


STORES = [
    Adapter("memory", open_memory, is_durable=False),
    Adapter("lmdb", LmdbStore.open, data="data.mdb"),
    Adapter("sqlite", SqliteStore.open, data="store.sqlite"),
    Adapter("postgresql", open_postgresql, part=postgresql.PART),
]


def parameters(adapters: Iterable[Adapter] = STORES) -> list[Any]:
    """The adapters for a parametrized test or fixture, each with its name and the part it needs."""
    return [
        pytest.param(adapter, id=adapter.name, marks=[pytest.mark.part(adapter.part)] if adapter.part else [])
        for adapter in adapters
    ]

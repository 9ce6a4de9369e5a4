"""A directory on the memory store, seeded, with a clock that stands still."""

import random
from collections.abc import AsyncIterator

import pytest

from actors.directory.client import DirectoryClient, DirectorySettings
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(clock: ManualClock) -> AsyncIterator[MemoryStore]:
    store = MemoryStore(clock=clock, dice=random.Random(1))
    yield store
    await store.close()


@pytest.fixture
async def directory(store: MemoryStore, clock: ManualClock) -> AsyncIterator[DirectoryClient]:
    client = DirectoryClient(store, clock, random.Random(2), DirectorySettings(default_domain="example.test"))
    await client.add_domain("example.test")
    await client.add_account("alice@example.test", "demo")
    yield client
    client.close()


@pytest.fixture
async def command_line(store: MemoryStore, clock: ManualClock) -> AsyncIterator[DirectoryClient]:
    """Another process on the same store."""
    client = DirectoryClient(store, clock, random.Random(3))
    yield client
    client.close()

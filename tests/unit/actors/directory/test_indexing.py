"""actors/directory/indexing.py: aliases of before they were found from where they lead."""

import random

import pytest

from actors.directory import indexing, keys
from actors.directory.client import DirectoryClient
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction

MANY = 7


async def old(store: MemoryStore, directory: DirectoryClient) -> list[str]:
    """A directory as it was then: no key leads from an address to an alias."""
    await directory.add_domain("other.test")
    made = [f"a{number}@{domain}" for domain in ("example.test", "other.test") for number in range(MANY)]
    for address in made:
        await directory.add_alias(address, ["alice@example.test", "far@elsewhere.example"])

    async def forget(tx: Transaction) -> None:
        tx.clear_range(b"dm", b"dn")
        tx.clear(keys.ALIASES_KNOWN)

    await store.transact(forget)
    return made


async def test_they_are_found_again(
    store: MemoryStore, clock: ManualClock, directory: DirectoryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "PAGE", 3)
    made = await old(store, directory)
    alice = (await directory.get_account("alice@example.test")).id
    here = DirectoryClient(store, clock, random.Random(7))
    assert sorted((await here.addresses_of(alice))[1:]) == sorted(made)
    here.close()


async def test_it_is_done_once(store: MemoryStore, directory: DirectoryClient) -> None:
    await old(store, directory)
    await indexing.index_aliases(store)

    async def forget(tx: Transaction) -> None:
        tx.clear_range(b"dm", b"dn")

    await store.transact(forget)
    await indexing.index_aliases(store)
    assert not await store.range(b"dm", b"dn")

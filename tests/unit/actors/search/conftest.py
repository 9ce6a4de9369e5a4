"""Mail and its indexes on one store, with a clock that stands still."""

import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from actors.mailbox import keys as mailbox_keys
from actors.mailbox.sweeper import Sweeper
from actors.mailbox.types import DELETED, INBOX, Item
from actors.search import keys
from actors.search import state as states
from actors.search.client import SearchClient
from actors.search.index import AccountIndex
from actors.search.indexer import Indexer
from actors.search.metrics import SearchMetrics
from actors.search.settings import SearchSettings
from actors.search.state import State
from cluster.meta.lmdb import LmdbStore
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Store
from tests.unit.actors.mailbox.conftest import Inline, Place
from tests.unit.actors.search import making

ACCOUNT = 7
SLOT = mailbox_keys.slot_of(ACCOUNT)
NEEDLES = ("invoice", "running", "日本", "e", "café", "runs cafe", "example.org>", "🎉")


class Town:
    """One account's mail, whoever indexes it, and whoever asks."""

    def __init__(self, store: Store, settings: SearchSettings | None = None) -> None:
        self.place = Place(store)
        self.store = store
        self.settings = settings or SearchSettings()
        self.mail = self.place.client(self.place.new_owner())
        self.search = SearchClient(store, self.place.clock, self.settings)
        self.raws: list[bytes] = []  # by email, from 1 on
        self.gone: set[int] = set()
        self._dice = random.Random(5)

    def indexer(self, store: Store | None = None) -> Indexer:
        """A new one, as of a process that has just started."""
        metrics = SearchMetrics(CollectorRegistry())
        dice = random.Random(self._dice.random())
        return Indexer(
            store or self.store, self.place.blobs, None, self.place.clock, dice, Inline(), metrics, self.settings
        )

    async def deliver(self, count: int) -> None:
        """So many messages."""
        raws = [making.message(self._dice) for _ in range(count)]
        await self.mail.add(ACCOUNT, INBOX, [Item(await self.mail.prepare(raw), 0) for raw in raws])
        self.raws += raws

    async def expunge(self, first: int, last: int) -> None:
        """Messages of INBOX, whose emails are as their UIDs here, and all that is left of them."""
        held = await self.mail.select(ACCOUNT, INBOX, read_only=False, changed=lambda: None)
        await held.set_flags(((first, last),), "add", DELETED)
        await held.expunge()
        await held.close()
        self.place.clock.advance(7200)
        await Sweeper(self.store, self.place.blobs, self.place.clock, grace_ms=3600_000).sweep_slot(SLOT)
        self.gone |= set(range(first, last + 1))

    async def state(self) -> State:
        """What the index is made of."""
        stored = await self.store.get(keys.state(SLOT, ACCOUNT))
        return states.decode(stored) if stored is not None else State()

    async def rows(self) -> list[bytes]:
        """The keys of all that is stored of indexes."""
        return [key for key, _value in await self.store.range(b"i", b"j", limit=10_000)]

    async def check(self, *, covered: int | None = None) -> AccountIndex:
        """What the index says is what reading says; and it covers so many of the messages there are."""
        index = await self.search.index_of(ACCOUNT)
        for field in ("text", "body", "from", "subject"):
            for needle in NEEDLES:
                exact = making.exact(field, needle, self.raws) & set(index.emails.tolist())
                found = await index.lookup(field, needle)
                sure, maybe = set(found.sure.tolist()), set(found.maybe.tolist())
                assert sure <= exact <= sure | maybe, (field, needle)
        if covered is not None:
            assert len(set(index.emails.tolist()) - self.gone) == covered
        return index


async def keep_up(indexer: Indexer, slots: Sequence[int] = (SLOT,)) -> None:
    """Do all that is to be done now."""
    await indexer.look(slots)
    while await indexer.follow(ACCOUNT):
        pass
    while await indexer.tend(ACCOUNT):
        pass
    indexer.due.clear()
    indexer.untidy.clear()


@pytest.fixture(params=["memory", "lmdb"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    made: Store = MemoryStore() if request.param == "memory" else await LmdbStore.open(tmp_path / "store")
    yield made
    await made.close()


@pytest.fixture
async def town(store: Store) -> AsyncIterator[Town]:
    """An empty town."""
    made = Town(store)
    yield made
    for shard in made.place.shards:
        await shard.stop()

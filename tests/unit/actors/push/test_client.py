"""What web push keeps: rows, news, marks and keys."""

import pytest

from actors.push import keys
from actors.push.client import IDLE_MS, NEWS_KEPT_MS, PushClient, spans
from cluster.clock import ManualClock
from cluster.errors import Corrupt
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction

ONE, TWO = 0x7FFF_0000_0000_0001, 5


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def client(store: MemoryStore, clock: ManualClock) -> PushClient:
    return PushClient(store, clock)


async def test_who_is_noted_is_found_by_slot_and_by_time(client: PushClient, clock: ManualClock) -> None:
    await client.note(ONE)
    since_ms = clock.ms + 1
    clock.advance(5)
    await client.note(TWO, {"P1": "5-1"})
    assert sorted(await client.accounts(0, 4095)) == [TWO, ONE]
    slot = keys.slot_of(ONE)
    assert await client.accounts(slot, slot) == [ONE]
    assert await client.noted(since_ms) == [(clock.ms, TWO)]
    assert await client.noted(0) == [(clock.ms - 5000, ONE), (clock.ms, TWO)]
    assert await client.marks(TWO) == {"P1": "5-1"}
    assert await client.marks(ONE) == {}


async def test_a_note_leaves_other_marks(client: PushClient) -> None:
    await client.note(TWO, {"P1": "5-1"})
    await client.note(TWO, {"P2": "5-2"})
    await client.note(TWO)
    assert await client.marks(TWO) == {"P1": "5-1", "P2": "5-2"}
    await client.keep({TWO: {"P1": "5-9"}, ONE: {"P1": "1-1"}})
    assert await client.marks(TWO) == {"P1": "5-9"}
    assert await client.accounts(0, 4095) == [TWO]


async def test_a_row_goes_only_when_nobody_can_be_about_to_use_it(client: PushClient, clock: ManualClock) -> None:
    await client.note(TWO)
    clock.advance(IDLE_MS / 1000)
    await client.forget(TWO)
    assert await client.accounts(0, 4095) == [TWO]
    clock.advance(1)
    await client.note(TWO)
    await client.forget(TWO)
    assert await client.accounts(0, 4095) == [TWO]
    clock.advance(IDLE_MS / 1000 + 1)
    await client.forget(TWO)
    assert await client.accounts(0, 4095) == []


async def test_old_news_go(client: PushClient, clock: ManualClock) -> None:
    await client.note(ONE)
    clock.advance(NEWS_KEPT_MS / 1000 + 1)
    await client.note(TWO)
    await client.sweep()
    assert await client.noted(0) == [(clock.ms, TWO)]


async def test_many_are_read_in_pages(client: PushClient) -> None:
    for account in range(1, 1203):
        await client.note(account)
    assert len(await client.accounts(0, 4095)) == 1202
    assert len(await client.noted(0)) == 1202


async def test_all_processes_have_the_same_keys(client: PushClient, store: MemoryStore, clock: ManualClock) -> None:
    assert await seeds(client, b"a" * 48) == [b"a" * 48]
    other = PushClient(store, clock)
    assert await seeds(other, b"b" * 48) == [b"a" * 48]
    await renew(other, b"c" * 48, rotate_before_ms=clock.ms)
    assert await seeds(client, b"x" * 48) == [b"a" * 48]
    clock.advance(1)
    await renew(other, b"c" * 48, rotate_before_ms=clock.ms)
    assert await seeds(client, b"x" * 48) == [b"a" * 48, b"c" * 48]


async def seeds(client: PushClient, randomness: bytes) -> list[bytes]:
    return [one.seed for one in await client.seeds(randomness)]


async def renew(client: PushClient, seed: bytes, *, rotate_before_ms: int = 0, retire_before_ms: int = 0) -> None:
    await client.renew(seed, rotate_before_ms=rotate_before_ms, retire_before_ms=retire_before_ms)


async def test_keys_retire_by_when_another_took_their_place(client: PushClient, clock: ManualClock) -> None:
    await renew(client, b"z" * 48, rotate_before_ms=clock.ms)
    await client.seeds(b"a" * 48)
    clock.advance(1000)
    await renew(client, b"b" * 48, rotate_before_ms=clock.ms)
    rotated_ms = clock.ms
    assert [one.replaced_ms for one in await client.seeds(b"")] == [rotated_ms, None]
    await renew(client, b"", retire_before_ms=rotated_ms)
    assert len(await seeds(client, b"")) == 2
    await renew(client, b"", retire_before_ms=rotated_ms + 1)
    assert await seeds(client, b"") == [b"b" * 48]
    clock.advance(10_000)
    await renew(client, b"", retire_before_ms=clock.ms)
    assert await seeds(client, b"") == [b"b" * 48]


async def test_damage_is_told(client: PushClient, store: MemoryStore) -> None:
    async def damage(tr: Transaction) -> None:
        tr.set(keys.row(TWO), b"\xc1")
        tr.set(keys.signing(1), b"\xc1")

    await store.transact(damage)
    with pytest.raises(Corrupt):
        await client.marks(TWO)
    with pytest.raises(Corrupt):
        await client.seeds(b"")


def test_runs_of_slots() -> None:
    assert spans([]) == []
    assert spans({5, 1, 2, 3, 9}) == [(1, 3), (5, 5), (9, 9)]
    assert spans(range(4096)) == [(0, 4095)]

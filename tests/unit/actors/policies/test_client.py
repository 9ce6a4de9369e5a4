"""Policies kept in the store."""

import pytest

from actors.policies import keys
from actors.policies.client import FORMAT, SWEEP_ROWS, PolicyClient, decode
from actors.policies.types import Kept
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction


def kept(clock: ManualClock, ident: str = "a", max_age_s: int = 3600) -> Kept:
    return Kept(ident, "enforce", ("mx.example.test", "*.example.test"), max_age_s, clock.now_ms())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def policies(store: MemoryStore, clock: ManualClock) -> PolicyClient:
    return PolicyClient(store, clock)


async def put_raw(store: MemoryStore, key: bytes, value: bytes) -> None:
    async def body(tx: Transaction) -> None:
        tx.set(key, value)

    await store.transact(body)


async def test_a_policy_is_there_for_its_time(policies: PolicyClient, clock: ManualClock) -> None:
    one = kept(clock)
    await policies.put("Example.test", one)
    assert await policies.get("example.test") == one
    assert await policies.get("other.test") is None
    clock.advance(3600)
    assert await policies.get("example.test") is None


async def test_the_last_to_write_wins(policies: PolicyClient, store: MemoryStore, clock: ManualClock) -> None:
    other = PolicyClient(store, clock)
    await policies.put("example.test", kept(clock, "a"))
    await other.put("example.test", kept(clock, "b"))
    found = await policies.get("example.test")
    assert found is not None
    assert found.id == "b"


@pytest.mark.parametrize("domain", ["", "bücher.test", "x" * 254])
async def test_what_is_no_domain_has_no_policy(policies: PolicyClient, clock: ManualClock, domain: str) -> None:
    assert await policies.get(domain) is None
    with pytest.raises(ValueError, match=r"codec can't encode|no domain"):
        await policies.put(domain, kept(clock))


@pytest.mark.parametrize("value", [b"", b"\2", FORMAT, FORMAT + b"\x80", FORMAT + b"\x91" * 5000, FORMAT + b"\xa1\xff"])
async def test_a_row_that_cannot_be_read_is_none(policies: PolicyClient, store: MemoryStore, value: bytes) -> None:
    await put_raw(store, keys.policy("example.test"), value)
    assert decode(value) is None
    assert await policies.get("example.test") is None
    assert await policies.sweep() == 1


async def test_sweeping_goes_round(policies: PolicyClient, store: MemoryStore, clock: ManualClock) -> None:
    for number in range(SWEEP_ROWS + 50):
        await policies.put(f"n{number:04}.test", kept(clock, max_age_s=10 if number % 2 else 1000))
    assert await policies.sweep() == 0
    assert await policies.sweep() == 0
    clock.advance(10)
    assert await policies.sweep() == SWEEP_ROWS // 2
    assert await policies.sweep() == 25
    assert len(await store.range(*keys.policies())) == SWEEP_ROWS // 2 + 25

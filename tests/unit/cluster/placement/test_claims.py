"""Claims: the greatest wins, for ever, and numbers never go back."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import Fenced
from cluster.meta.memory import MemoryStore
from cluster.placement.claims import INCARNATION_KEY, Alone, Claim, decode, next_incarnation, take

KEY = b"claim"
NUMBERS = st.integers(0, 2**64 - 1)
CLAIMS = st.builds(Claim, NUMBERS, NUMBERS)


@given(CLAIMS, CLAIMS)
def test_claims_sort_stored_as_they_do(one: Claim, other: Claim) -> None:
    assert decode(one.encode()) == one
    assert (one < other) == (one.encode() < other.encode())


def test_what_came_before_claims_is_below_all() -> None:
    assert decode(None) == decode(b"12345678") == Claim(0, 0)


async def taken(store: MemoryStore, claim: Claim | None, incarnation: int = 1) -> Claim:
    return decode(await store.transact(lambda transaction: take(transaction, KEY, claim, incarnation)))


async def test_a_greater_claim_takes_over_and_the_lower_is_refused() -> None:
    store = MemoryStore()
    for claim in (Claim(5, 1), Claim(5, 1), Claim(5, 2), Claim(6, 1)):
        assert await taken(store, claim) == claim
    for claim in (Claim(5, 9), Claim(6, 0)):
        with pytest.raises(Fenced):
            await taken(store, claim)
    assert decode(await store.get(KEY)) == Claim(6, 1)


async def test_a_process_alone_takes_over_whatever_is_there_unless_it_is_its_successor() -> None:
    store = MemoryStore()
    assert Alone().claim(7) is None
    await taken(store, Claim(6, 3))
    assert await taken(store, None, incarnation=4) == Claim(6, 4)
    with pytest.raises(Fenced):
        await taken(store, None, incarnation=3)


async def test_incarnations_are_all_different_and_grow() -> None:
    store = MemoryStore()
    first = await next_incarnation(store)
    assert sorted(await asyncio.gather(*(next_incarnation(store) for _ in range(8)))) == list(
        range(first + 1, first + 9)
    )
    assert int.from_bytes(await store.get(INCARNATION_KEY) or b"", "big") == first + 8

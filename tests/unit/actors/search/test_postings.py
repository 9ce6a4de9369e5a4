"""actors/search/postings.py: lists come back as they were, from any bytes or not at all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from actors.search.postings import MESSAGES_MAX, pack_lists, unpack_lists
from cluster.errors import Corrupt

SIZES = st.sampled_from([1, 2, 7, 8, 9, 64, 1000, 70_000, MESSAGES_MAX])


@st.composite
def lists(draw: st.DrawFn) -> tuple[int, list[list[int]]]:
    messages = draw(SIZES)
    place = st.integers(0, messages - 1) | st.integers(0, min(messages, 30) - 1)
    return messages, draw(st.lists(st.sets(place, min_size=1, max_size=60).map(sorted), max_size=12))


@given(lists())
def test_lists_come_back(given_: tuple[int, list[list[int]]]) -> None:
    messages, wanted = given_
    counts = np.array([len(one) for one in wanted], np.int64)
    places = np.array([place for one in wanted for place in one], np.int32)
    data, lengths = pack_lists(places, counts, messages)
    assert len(data) == lengths.sum()
    assert unpack_lists(data, counts, lengths, messages).tolist() == places.tolist()
    at = 0
    for one, length in zip(wanted, lengths.tolist(), strict=True):
        alone = unpack_lists(data[at : at + length], np.array([len(one)]), np.array([length]), messages)
        assert alone.tolist() == one
        at += length


@given(st.binary(max_size=40), st.integers(1, 20), st.sampled_from([3, 100, 100_000]))
def test_any_bytes_are_a_list_or_damage(data: bytes, count: int, messages: int) -> None:
    try:
        found = unpack_lists(data, np.array([count]), np.array([len(data)]), messages)
    except Corrupt:
        return
    assert len(found) == count
    assert 0 <= found.min() <= found.max() < messages


def test_a_list_of_all_takes_a_bit_each() -> None:
    data, _lengths = pack_lists(np.arange(8000, dtype=np.int32), np.array([8000]), 8000)
    assert len(data) == 1000

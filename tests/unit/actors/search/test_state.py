"""actors/search/state.py: what is merged when, and what is written how often."""

import random

import pytest

from actors.search import state as states
from actors.search.postings import MESSAGES_MAX
from actors.search.state import FAN, FORMAT, TIER_MESSAGES, Piece, State
from cluster.errors import Corrupt


def _with(*sizes: int) -> State:
    state = State()
    for size in sizes:
        first = state.watermark + 1
        piece = Piece(first, first, first + size - 1, size, size, 1)
        state = states.added(state, piece, first + size - 1)
    return state


def test_it_is_stored_and_comes_back() -> None:
    state = _with(64, 3)
    assert states.decode(states.encode(state)) == state
    assert (state.messages, state.size, state.watermark, state.change) == (67, 67, 67, 2)


def test_another_format_is_told_and_damage_too() -> None:
    assert states.decode(states.encode(State(format=9, change=4, watermark=5))) == State(format=9, change=4)
    for stored in (b"", b"\x90", b"spoilt", bytes((0x92, FORMAT)) + b"\xa1x"):
        with pytest.raises(Corrupt):
            states.decode(stored)


@pytest.mark.parametrize(
    ("sizes", "merged"),
    [
        ((), 0),
        ((64,) * (FAN - 1), 0),
        ((64,) * FAN, FAN),
        ((512, *(64,) * FAN), FAN),
        ((512, *(64,) * (FAN - 1)), 0),
        ((512,) * FAN, FAN),
        ((*(512,) * (FAN - 1), *(64,) * FAN), FAN),
        ((*(4096,) * (FAN - 1), 64), 0),
        ((MESSAGES_MAX,) * 20, 0),
        ((MESSAGES_MAX // 4,) * 10, 4),
        ((MESSAGES_MAX // 2, *(MESSAGES_MAX // 5,) * 8), 5),
        ((*(4096,) * FAN, *(512,) * 3, 64), FAN + 4),
    ],
)
def test_neighbours_of_a_size_are_merged(sizes: tuple[int, ...], merged: int) -> None:
    assert len(states.to_merge(_with(*sizes))) == merged


def test_replaced_is_what_was_there() -> None:
    state = _with(5, 6, 7)
    one, two, three = state.segments
    new = Piece(99, one.first, two.last, 11, 11, 1)
    after = states.replaced(state, [one.id, two.id], new)
    assert after is not None
    assert after.segments == (new, three)
    assert after.change == state.change + 1
    assert states.replaced(after, [one.id, two.id], new) is None
    assert states.replaced(state, [one.id, three.id], new) is None
    left = states.replaced(state, [two.id], None)
    assert left is not None
    assert left.segments == (one, three)


def test_segments_stay_few_and_each_message_is_written_a_few_times() -> None:
    dice = random.Random(1)
    state, written, total = State(), 0, 0
    for _ in range(3000):
        size = dice.choice((TIER_MESSAGES, TIER_MESSAGES + 9))
        total += size
        first = state.watermark + 1
        state = states.added(state, Piece(total, first, first + size - 1, size, 0, 1), first + size - 1)
        while old := states.to_merge(state):
            messages = sum(piece.messages for piece in old)
            written += messages
            new = Piece(-written, old[0].first, old[-1].last, messages, 0, 1)
            after = states.replaced(state, [piece.id for piece in old], new)
            assert after is not None
            state = after
        assert [piece.first for piece in state.segments[1:]] == [piece.last + 1 for piece in state.segments[:-1]]
    assert state.messages == total > 200_000
    assert len(state.segments) < 4 * FAN
    assert written < 4 * total

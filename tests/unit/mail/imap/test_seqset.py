"""Sequence sets: what is parsed prints, resolving agrees with counting on fingers, building is the shortest text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.imap.errors import ImapError
from mail.imap.seqset import NUMBER_MAX, SAVED, PartialRange, SequenceSet, build, build_in_order

_numbers = st.integers(0, 60)
_sets = st.lists(st.tuples(_numbers, _numbers), min_size=1, max_size=8).map(lambda ranges: SequenceSet(tuple(ranges)))


def _by_hand(messages: SequenceSet, largest: int) -> set[int]:
    """RFC 3501 9: `*` is the largest number, and a range holds its ends and all between, in either order."""
    held: set[int] = set()
    for one, other in messages.ranges:
        ends = sorted((one or largest, other or largest))
        held |= set(range(ends[0], ends[1] + 1))
    return held & set(range(1, largest + 1))


@given(_sets, st.integers(0, 50))
def test_resolve_gives_what_counting_gives(messages: SequenceSet, largest: int) -> None:
    ranges = messages.resolve(largest)
    assert {number for first, last in ranges for number in range(first, last + 1)} == _by_hand(messages, largest)
    assert all(first <= last for first, last in ranges)
    assert all(left[1] + 1 < right[0] for left, right in pairwise(ranges))


@given(_sets)
def test_what_prints_parses(messages: SequenceSet) -> None:
    assert SequenceSet.parse(bytes(messages)) == messages


@given(st.lists(st.integers(1, 200)))
def test_build_holds_each_number_once_and_ascends(numbers: list[int]) -> None:
    text = build(numbers)
    assert build(iter(numbers)) == text
    if not numbers:
        assert text == b""
        return
    ranges = SequenceSet.parse(text).ranges
    assert [n for first, last in ranges for n in range(first, last + 1)] == sorted(set(numbers))
    assert list(ranges) == SequenceSet.parse(text).resolve(200)


def test_build_examples() -> None:
    assert build([1, 2, 3, 5, 7, 8]) == b"1:3,5,7:8"
    assert build(range(4, 10)) == b"4:9"
    assert build(range(4, 5)) == b"4"
    assert build(range(4, 4)) == b""
    assert build(range(1, 8, 3)) == b"1,4,7"


def test_in_order() -> None:
    assert build_in_order([5, 3, 4, 2, 2, 9, 10]) == b"5,3:4,2,2,9:10"
    assert build_in_order(iter([])) == b""


@given(st.lists(st.integers(1, 200)))
def test_in_order_keeps_the_order(numbers: list[int]) -> None:
    text = build_in_order(numbers)
    ranges = SequenceSet.parse(text).ranges if text else ()
    assert [n for first, last in ranges for n in range(first, last + 1)] == numbers


def test_the_saved_set_names_nothing_by_itself() -> None:
    assert SAVED.saved
    assert bytes(SAVED) == b"$"
    assert SAVED.resolve(5) == []
    assert not SAVED.beyond(0)
    assert SequenceSet(()) != SAVED


@given(st.integers(-20, 20).filter(bool), st.integers(1, 20), st.integers(0, 15))
def test_partial_ranges_count_from_either_end(first: int, last: int, count: int) -> None:
    partial = PartialRange(first, last if first > 0 else -last)
    low, high = sorted(partial)
    # RFC 9394 3.1: 1 is the first result, -1 the last
    expected = [place for place in range(count) if low <= place + 1 <= high or low <= place - count <= high]
    assert list(partial.places(count)) == expected


def test_a_partial_range_prints_as_it_was_asked_for() -> None:
    assert bytes(PartialRange(500, 400)) == b"500:400"
    assert bytes(PartialRange(-1, -100)) == b"-1:-100"


def test_star_in_a_mailbox_that_ends_below() -> None:
    # RFC 3501 6.4.8: `559:*` always holds the last message, even if 559 is above it.
    assert SequenceSet.parse(b"559:*").resolve(5) == [(5, 5)]
    assert SequenceSet.parse(b"559:600").resolve(5) == []
    assert SequenceSet.parse(b"*").resolve(0) == []


@pytest.mark.parametrize(
    ("text", "largest", "beyond"),
    [(b"1:5", 5, False), (b"1:6", 5, True), (b"6", 5, True), (b"*", 5, False), (b"*", 0, True), (b"5:*", 5, False)],
)
def test_beyond(text: bytes, largest: int, beyond: bool) -> None:
    assert SequenceSet.parse(text).beyond(largest) is beyond


@pytest.mark.parametrize(
    "text", [b"", b"0", b"a", b"1-2", b"1:", b":1", b",", b"1,", b"01", b"99999999999", b"+1", b"1 "]
)
def test_what_is_no_set(text: bytes) -> None:
    with pytest.raises(ImapError):
        SequenceSet.parse(text)


def test_bounds() -> None:
    assert SequenceSet.parse(b"%d" % NUMBER_MAX).ranges == ((NUMBER_MAX, NUMBER_MAX),)
    assert len(SequenceSet.parse(b"1,2,3", ranges_max=3).ranges) == 3
    with pytest.raises(ImapError, match="More than 2"):
        SequenceSet.parse(b"1,2,3", ranges_max=2)

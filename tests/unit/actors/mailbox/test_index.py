"""actors/mailbox/index.py"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.mailbox.events import Row
from actors.mailbox.index import PAGE_ROWS_MAX, Index, load, ranges_of
from cluster.blobs.codec import pack
from cluster.errors import Corrupt
from cluster.meta.store import VALUE_BYTES_MAX


def rows(*uids: int) -> list[Row]:
    return [Row(uid, uid * 10, 0, 100 + uid, uid * 1000) for uid in uids]


def test_appends_in_order_and_passes_over_what_is_there() -> None:
    index = Index()
    index.append(rows(1, 2, 5), 7, 99)
    index.append(rows(2, 5, 6), 8, 100)
    assert index.uids.tolist() == [1, 2, 5, 6]
    assert index.modseqs.tolist() == [7, 7, 7, 8]
    assert index.saved.tolist() == [99, 99, 99, 100]
    assert index.emails.tolist() == [10, 20, 50, 60]


def test_a_change_is_seen_once() -> None:
    index = Index()
    index.append(rows(1, 2, 3), 1, 0)
    index.change(((2, 9),), 0, 0b11, 5)
    index.change(((1, 9),), 0b1, 0, 5)  # row 1 has not seen 5 yet, the others have
    assert index.flags.tolist() == [0, 0b11, 0b11]
    assert index.modseqs.tolist() == [5, 5, 5]


@given(st.sets(st.integers(1, 60)), st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)).map(sorted), max_size=9))
def test_find_gives_the_rows_of_each_range(uids: set[int], ranges: list[list[int]]) -> None:
    index = Index()
    index.append(rows(*sorted(uids)), 1, 0)
    there = sorted(uids)
    expected = [there.index(uid) for low, high in ranges for uid in there if low <= uid <= high]
    assert index.find((low, high) for low, high in ranges).tolist() == expected


def test_the_largest_uid_is_found() -> None:
    index = Index()
    index.append([Row(1, 1, 0, 1, 1), Row(2**32 - 1, 2, 0, 1, 1)], 1, 0)
    assert index.find([(2, 2**32 - 1)]).tolist() == [1]


def test_a_shared_index_keeps_its_rows() -> None:
    index = Index()
    index.append(rows(1, 2), 1, 0)
    twin = index.share()
    index.append(rows(3), 2, 0)
    twin.change(((1, 1),), 0, 1, 3)
    twin.append(rows(4), 3, 0)
    assert index.uids.tolist() == [1, 2, 3]
    assert index.flags.tolist() == [0, 0, 0]
    assert twin.uids.tolist() == [1, 2, 4]


@given(st.sets(st.integers(1, 3 * PAGE_ROWS_MAX), max_size=200), st.sets(st.integers(1, 3 * PAGE_ROWS_MAX)))
def test_what_is_paged_loads_again(uids: set[int], gone: set[int]) -> None:
    index = Index()
    index.append(rows(*sorted(uids)), 1, 5)
    stored = {number: index.page(number) for number in sorted(index.dirty)}
    index.dirty.clear()
    index.remove(ranges_of(np.array(sorted(gone), np.uint32)))
    stored |= {number: index.page(number) for number in index.dirty}
    again = load([page for _number, page in sorted(stored.items()) if page is not None])
    assert again.uids.tolist() == index.uids.tolist() == sorted(uids - gone)
    assert again.sizes.tolist() == index.sizes.tolist()
    assert again.dates.tolist() == index.dates.tolist()


def test_a_full_page_fits_into_a_value_even_if_nothing_compresses() -> None:
    # All that can be: 48 bits of milliseconds are 9,000 years, and 2**48 messages of an account more than there is.
    dice = np.random.default_rng(1)
    index = Index()
    count = PAGE_ROWS_MAX - 1
    columns = [dice.integers(low, high, count).tolist() for low, high in ((2**40, 2**48), (0, 2**62), (0, 2**32))]
    columns += [dice.integers(-(2**47), 2**47, count).tolist(), dice.integers(1, 2**32, count).tolist()]
    for uid, (email, flags, size, date, back) in enumerate(zip(*columns, strict=True), start=1):
        index.append([Row(uid, email, flags, size, date, email - back)], 2**55 + uid * 0x1234567, 2**46 + uid * 7777)
    page = index.page(0)
    assert page is not None
    assert len(page) <= VALUE_BYTES_MAX


def test_threads_are_kept_as_the_way_back() -> None:
    index = Index()
    index.append([Row(1, 10, 0, 1, 1), Row(2, 12, 0, 1, 1, 10)], 1, 0)
    page = index.page(0)
    assert page is not None
    assert load([page]).threads.tolist() == index.threads.tolist() == [10, 10]


def test_pages_from_before_there_were_threads_are_read() -> None:
    types = ("<u4", "<i8", "<i8", "<i8", "<u4", "<i8", "<i8")
    values = ((1, 2), (0, 1), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14))
    body = b"".join(np.array(column, kind).tobytes() for kind, column in zip(types, values, strict=True))
    index = load([b"\1" + pack(body)])
    assert index.uids.tolist() == [1, 2]
    assert index.threads.tolist() == [7, 8]


@pytest.mark.parametrize(
    "page", [b"", b"\0", b"\3\0", b"\1\0" + b"x" * 47, b"\2\0" + b"x" * 51, b"\1\1garbage", b"\1\7abc"]
)
def test_damaged_pages_are_said_to_be(page: bytes) -> None:
    with pytest.raises(Corrupt):
        load([page])


@given(st.sets(st.integers(1, 500)))
def test_ranges_hold_exactly_the_numbers(numbers: set[int]) -> None:
    ranges = ranges_of(np.array(sorted(numbers), np.uint32))
    assert {n for low, high in ranges for n in range(low, high + 1)} == numbers
    assert all(low <= high for low, high in ranges)
    assert all(b[0] > a[1] + 1 for a, b in itertools.pairwise(ranges))

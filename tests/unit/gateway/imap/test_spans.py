"""gateway/imap/spans.py: ranges of UIDs, against sets of numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.imap.parts import Array
from gateway.imap.spans import common, gaps, holds, rendered, runs, spans, vanished

LAST = 40
_UIDS = st.sets(st.integers(1, LAST))


def _array(uids: set[int]) -> Array:
    return np.array(sorted(uids), np.uint32)


def _set(ranges: Array) -> set[int]:
    """The numbers, of ranges that have to ascend and to be apart from each other or side by side."""
    before, found = 0, set()
    for low, high in ranges.tolist():
        assert before < low <= high
        found |= set(range(low, high + 1))
        before = high
    return found


@given(_UIDS, _UIDS)
def test_ranges_are_sets(one: set[int], other: set[int]) -> None:
    assert _set(runs(_array(one))) == one
    assert _set(gaps(_array(one), LAST)) == set(range(1, LAST + 1)) - one
    assert _set(common(runs(_array(one)), runs(_array(other)))) == one & other
    assert _set(common(gaps(_array(one), LAST), runs(_array(other)))) == other - one
    assert holds(runs(_array(one)), _array(other)).tolist() == [uid in one for uid in sorted(other)]


def test_wide_ranges_cost_nothing() -> None:
    everything = spans([(1, 2**32 - 1)])
    assert common(everything, gaps(_array({7}), 2**32 - 1)).tolist() == [[1, 6], [8, 2**32 - 1]]
    assert gaps(_array(set()), 0).tolist() == []


def test_what_vanished_is_told_in_lines_that_clients_can_read() -> None:
    """RFC 7162 4: about 8192 octets."""
    assert rendered(spans([(1, 1), (3, 5)])) == b"1,3:5"
    assert list(vanished(spans([]))) == []
    assert list(vanished(spans([(3, 5)]), earlier=True)) == [b"* VANISHED (EARLIER) 3:5\r\n"]
    many = spans([(10 * number + 4_000_000_000, 10 * number + 4_000_000_001) for number in range(1000)])
    lines = list(vanished(many))
    assert max(map(len, lines)) < 9000
    assert b",".join(line.split()[2] for line in lines) == rendered(many)

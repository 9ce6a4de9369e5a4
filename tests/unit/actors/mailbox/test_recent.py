r"""actors/mailbox/recent.py: \Recent as runs, against the plain set of the same UIDs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from actors.mailbox.recent import Recent

_UIDS = st.integers(1, 60)
_PIECES = st.lists(
    st.one_of(
        st.lists(_UIDS, max_size=5),
        st.builds(range, _UIDS, _UIDS),
        st.builds(range, _UIDS, _UIDS, st.integers(2, 3)),
    ),
    max_size=12,
)


@given(_PIECES, st.sets(_UIDS))
def test_it_equals_the_set_of_the_same_uids(pieces: list[list[int] | range], there: set[int]) -> None:
    recent, plain = Recent(), set[int]()
    for piece in pieces:
        recent.update(piece)
        plain.update(piece)
    assert recent == plain
    assert list(recent) == sorted(plain)
    assert (len(recent), bool(recent)) == (len(plain), bool(plain))
    assert [uid in recent for uid in range(70)] == [uid in plain for uid in range(70)]
    assert "1" not in recent  # type: ignore[comparison-overlap]
    uids = np.array(sorted(there), np.uint32)
    rows = [row for start, end in recent.rows_in(uids) for row in range(start, end)]
    assert uids[rows].tolist() == sorted(plain & there)
    runs = [uid for uid in plain if uid - 1 not in plain]
    assert len(recent._starts) == len(runs)


def test_a_million_cost_no_more_than_one() -> None:
    many = Recent(range(1, 1_000_000))
    for uid in range(1_000_000, 1_001_000):
        many.update([uid])
    assert (many._starts, many._ends) == ([1], [1_001_000])
    assert many == Recent(range(1, 1_001_000))
    assert many != Recent(range(1, 1_000_999))

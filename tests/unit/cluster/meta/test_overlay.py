"""The promise: reading through an overlay, and applying it first, give the same rows."""

from hypothesis import given
from hypothesis import strategies as st

from cluster.meta.limits import Page, counted, page_of
from cluster.meta.overlay import Overlay, ReadPage, covered
from cluster.meta.store import Row
from cluster.meta.validate import value_over

KEYS = st.sampled_from([b"a", b"a\0", b"b", b"bb", b"c", b"d"])
BOUNDS = KEYS | st.sampled_from([b"", b"bc", b"z"])
WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("set"), KEYS, st.binary(max_size=3)),
        st.tuples(st.just("clear"), KEYS, st.none()),
        st.tuples(st.just("clear_range"), BOUNDS, BOUNDS),
        st.tuples(st.just("add"), KEYS, st.integers(-3, 3)),
    ),
    max_size=10,
)
ROWS = st.dictionaries(KEYS, st.binary(max_size=9))


def overlay_of(writes: list[tuple[str, bytes, object]]) -> Overlay:
    overlay = Overlay()
    for name, key, what in writes:
        if name == "clear_range" and isinstance(what, bytes):
            overlay.clear_range(key, what)
        elif name == "add" and isinstance(what, int):
            overlay.add(key, what)
        elif what is None or isinstance(what, bytes):
            overlay.writes[key] = what
    return overlay


def applied(overlay: Overlay, rows: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """As an engine applies it: the ranges, then the writes."""
    left = {key: value for key, value in rows.items() if not any(b <= key < e for b, e in overlay.cleared)}
    for key, write in overlay.writes.items():
        value = value_over(write, left.get(key))
        left.pop(key, None)
        if value is not None:
            left[key] = value
    return left


def reading(rows: dict[bytes, bytes], page_rows: int) -> ReadPage:
    def read(begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        found = sorted(((key, value) for key, value in rows.items() if begin <= key < end), reverse=reverse)
        return page_of(found, min(limit, page_rows))

    return read


def paged(overlay: Overlay, read: ReadPage, begin: bytes, end: bytes, reverse: bool) -> list[Row]:
    rows: list[Row] = []
    while begin < end and (page := overlay.range(read, begin, end, 2, reverse)).rows:
        assert len(page.rows) <= 2
        rows += page.rows
        if not page.more:
            break
        last = page.rows[-1][0]
        begin, end = (begin, last) if reverse else (last + b"\0", end)
    return rows


@given(rows=ROWS, writes=WRITES, begin=BOUNDS, end=BOUNDS, reverse=st.booleans(), page_rows=st.integers(1, 4))
def test_a_range_through_the_overlay_is_the_range_after_it(
    rows: dict[bytes, bytes],
    writes: list[tuple[str, bytes, object]],
    begin: bytes,
    end: bytes,
    reverse: bool,
    page_rows: int,
) -> None:
    overlay = overlay_of(writes)
    expected: list[Row] = sorted(
        ((key, value) for key, value in applied(overlay, rows).items() if begin <= key < end), reverse=reverse
    )
    assert paged(overlay, reading(rows, page_rows), begin, end, reverse) == expected


@given(rows=ROWS, first=WRITES, then=WRITES)
def test_absorbing_is_applying_one_after_the_other(
    rows: dict[bytes, bytes], first: list[tuple[str, bytes, object]], then: list[tuple[str, bytes, object]]
) -> None:
    one, other = overlay_of(first), overlay_of(then)
    expected = applied(other, applied(one, rows))
    one.absorb(other)
    assert applied(one, rows) == expected
    assert one.cleared == sorted(one.cleared)
    assert all(end < begin for (_, end), (begin, _) in zip(one.cleared, one.cleared[1:], strict=False))


def test_a_page_answers_for_what_it_has_read_through() -> None:
    assert covered(Page([(b"b", b"")], more=False), b"a", b"z", reverse=False) == (b"a", b"z")
    assert covered(Page([(b"b", b"")], more=True), b"a", b"z", reverse=False) == (b"a", b"b\0")
    assert covered(Page([(b"b", b"")], more=True), b"a", b"z", reverse=True) == (b"b", b"z")


def test_a_counter_of_another_length_is_cut_or_filled() -> None:
    assert counted(b"\1", 1) == b"\2" + bytes(7)
    assert counted(b"\1" + bytes(9), 1) == b"\2" + bytes(7)
    assert counted(None, -1) == b"\xff" * 8

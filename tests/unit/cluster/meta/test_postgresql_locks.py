"""Two batches that could hurt each other share a lock that one of them has alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.meta.overlay import Overlay
from cluster.meta.postgresql_locks import GRANULES_MAX, WHOLE, Locks, locks_of, statement_of
from cluster.meta.validate import Changes, PageRead

KEYS = st.sampled_from([b"m", b"m\0", b"m\0\1", b"m\0\1x", b"m\0\2", b"m\1\0", b"m\1\0y", b"n", b"\xff\xff"])
SPANS = st.tuples(KEYS, KEYS).filter(lambda span: span[0] < span[1])


def changes(
    reads: list[bytes], pages: list[tuple[bytes, bytes]], writes: list[bytes], cleared: list[tuple[bytes, bytes]]
) -> Changes:
    overlay = Overlay()
    for begin, end in cleared:
        overlay.clear_range(begin, end)
    for key in writes:
        overlay.writes[key] = b""
    seen = [PageRead(begin, end, 10, False, []) for begin, end in pages]
    return Changes(dict.fromkeys(reads), seen, overlay, 1)


CHANGES = st.builds(
    changes,
    st.lists(KEYS, max_size=2),
    st.lists(SPANS, max_size=1),
    st.lists(KEYS, max_size=2),
    st.lists(SPANS, max_size=1),
)


def exclude(one: Locks, other: Locks) -> bool:
    return any(name in other and (alone or other[name]) for name, alone in one.items())


def touches(key: bytes, one: Changes) -> bool:
    return (
        key in one.reads
        or key in one.overlay.writes
        or any(page.begin <= key < page.end for page in one.pages)
        or writes(key, one)
    )


def writes(key: bytes, one: Changes) -> bool:
    return key in one.overlay.writes or any(begin <= key < end for begin, end in one.overlay.cleared)


@settings(max_examples=300, deadline=None, database=None)
@given(one=CHANGES, other=CHANGES, key=KEYS)
def test_who_writes_excludes_all_who_touch(one: Changes, other: Changes, key: bytes) -> None:
    if writes(key, one) and touches(key, other):
        assert exclude(locks_of([one]), locks_of([other]))


def test_different_slots_go_side_by_side() -> None:
    one = changes([b"e\0\1"], [(b"m\0\1a", b"m\0\1b")], [b"m\0\1a"], [(b"m\0\1", b"m\0\2")])
    other = changes([b"e\0\2"], [(b"m\0\2a", b"m\0\2b")], [b"m\0\2a"], [])
    assert not exclude(locks_of([one]), locks_of([other]))
    assert not exclude(locks_of([changes([b"a"], [], [], [])]), locks_of([changes([b"a"], [], [], [])]))


def test_too_many_or_too_wide_is_the_whole() -> None:
    assert locks_of([changes([], [(b"", b"\xff" * 511)], [b"a"], [])]) == {WHOLE: True}
    many = [b"%03d" % n for n in range(GRANULES_MAX + 1)]
    assert locks_of([changes(many, [], [], [])]) == {WHOLE: True}


def test_locks_are_taken_in_one_order() -> None:
    locks = locks_of([changes([b"b"], [], [b"c"], []), changes([b"c"], [], [b"a"], [])])
    assert list(locks) == sorted(locks)
    assert statement_of({WHOLE: False, 7: True}, 42) == (
        "SELECT pg_advisory_xact_lock_shared(42, -1), pg_advisory_xact_lock(42, 7)"
    )

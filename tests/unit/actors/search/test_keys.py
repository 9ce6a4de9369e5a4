"""actors/search/keys.py: ranges hold what is theirs and nothing else."""

from actors.search import keys
from actors.search.indexer import runs_of


def _within(span: tuple[bytes, bytes], key: bytes) -> bool:
    return span[0] <= key < span[1]


def test_ranges() -> None:
    most = 2**64 - 1
    for account in (0, 5, most):
        assert _within(keys.recents(3, account), keys.recent(3, account, 1))
        assert _within(keys.recents(3, account), keys.recent(3, account, 2**63))
        assert not _within(keys.recents(3, account, 7), keys.recent(3, account, 7))
        assert not _within(keys.recents(3, account), keys.recent(4, account, 1))
        for segment in (0, 9, most):
            row = keys.row(3, account, segment, b"T", 2**32 - 2)
            assert _within(keys.rows(3, account, segment), row)
            assert _within(keys.all_rows(3, account), row)
            assert _within(keys.all_making(3, account), keys.making(3, account, segment))
            assert keys.making_segment(keys.making(3, account, segment)) == segment
        assert not _within(keys.rows(3, account, 9), keys.row(3, account, 10, b"H", 0))
        assert keys.account_of(keys.state(3, account)) == (3, account)
    assert not _within(keys.recents(3, 5), keys.recent(3, 6, 1))
    assert not _within(keys.all_rows(3, 5), keys.row(3, 6, 1, b"H", 0))
    assert not _within(keys.all_making(3, 5), keys.making(3, 6, 1))


def test_slots() -> None:
    span = keys.of_slots(keys.STATE, 2, 4)
    assert [slot for slot in range(8) if _within(span, keys.state(slot, 2**64 - 1))] == [2, 3, 4]
    assert not _within(span, keys.wanted(3, 1))
    after = keys.of_slots(keys.STATE, 2, 4, keys.state(3, 5))
    assert not _within(after, keys.state(3, 5))
    assert _within(after, keys.state(3, 6))
    assert runs_of([5, 1, 2, 3, 9]) == [(1, 3), (5, 5), (9, 9)]
    assert runs_of([]) == []

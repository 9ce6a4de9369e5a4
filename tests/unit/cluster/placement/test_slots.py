"""Slots: a hash that is written down, since stored keys hold it."""

from collections import Counter

from cluster.placement.slots import SLOTS, slot_of


def test_the_hash_never_changes() -> None:
    assert [slot_of(key) for key in (b"", b"a", b"rookery", bytes(8), b"\xff" * 64)] == [0, 3651, 2122, 3945, 1978]


def test_keys_spread_over_all_slots() -> None:
    counts = Counter(slot_of(number.to_bytes(8, "big")) for number in range(SLOTS * 16))
    assert counts.keys() == set(range(SLOTS))
    assert max(counts.values()) < 64

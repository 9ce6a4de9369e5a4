"""actors/queue/keys.py: stored for ever."""

from collections import Counter

from actors.queue import keys
from cluster.placement.slots import slot_of


def test_a_domain_is_spread_over_its_slots_evenly() -> None:
    found = Counter(keys.slot_of("hot.example", b"%d" % n) for n in range(8000))
    assert found.keys() == set(keys.slots_of("hot.example"))
    assert len(found) == keys.SPREAD
    assert min(found.values()) > 800


def test_the_same_key_is_the_same_entry_and_says_its_slot() -> None:
    entry = keys.entry_id("hot.example", b"key")
    assert entry == keys.entry_id("hot.example", b"key") != keys.entry_id("other.example", b"key")
    assert keys.slot_of_id(entry) == keys.slot_of("hot.example", b"key")


def test_neither_ever_changes() -> None:
    assert keys.slots_of("example.net") == (95, 201, 371, 1094, 1232, 1386, 1532, 3488)
    assert keys.entry_id("example.net", b"1").hex() == "0446d8851f90243c5cb6fb6c10baff0e"
    assert slot_of(b"example.net") in keys.slots_of("example.net"), "where all of it was before it was spread"

"""The cache of answers: times, and bounds."""

from cluster.clock import ManualClock
from cluster.dns.cache import ENTRY_BYTES, RECORD_BYTES, Cache, weigh
from cluster.dns.resolver import Answer


def cache(entries_max: int = 10, bytes_max: int = 100_000) -> tuple[Cache, ManualClock]:
    clock = ManualClock()
    return Cache(clock, entries_max=entries_max, bytes_max=bytes_max), clock


def test_an_answer_is_kept_for_its_time_and_tells_what_is_left_of_it() -> None:
    kept, clock = cache()
    kept.put(("a.test", "A"), Answer("ok", ("192.0.2.1",), ttl_s=60), 60)
    clock.advance(20)
    assert kept.get(("a.test", "A")) == Answer("ok", ("192.0.2.1",), ttl_s=40)
    assert kept.get(("a.test", "MX")) is None
    clock.advance(40)
    assert kept.get(("a.test", "A")) is None
    assert (len(kept), kept.bytes) == (0, 0)


def test_what_holds_for_no_time_is_not_kept() -> None:
    kept, _ = cache()
    kept.put(("a.test", "A"), Answer("ok"), 0)
    assert kept.get(("a.test", "A")) is None


def test_the_longest_unused_goes_first() -> None:
    kept, _ = cache(entries_max=2)
    for name in ("a", "b"):
        kept.put((name, "A"), Answer("ok", ttl_s=60), 60)
    kept.get(("a", "A"))
    kept.put(("c", "A"), Answer("ok", ttl_s=60), 60)
    assert [kept.get((name, "A")) is not None for name in "abc"] == [True, False, True]


def test_bytes_are_bounded_however_large_answers_are() -> None:
    kept, _ = cache(entries_max=1000, bytes_max=5000)
    for number in range(50):
        kept.put((f"n{number}", "TXT"), Answer("ok", (b"x" * 1000,)), 60)
        assert kept.bytes <= 5000
    assert len(kept) == 3
    kept.put(("large", "TXT"), Answer("ok", (b"x" * 6000,)), 60)
    assert kept.get(("large", "TXT")) is None
    assert len(kept) == 3


def test_an_answer_that_replaces_another_is_counted_once() -> None:
    kept, _ = cache()
    for _ in range(3):
        kept.put(("a", "A"), Answer("ok", ("192.0.2.1",)), 60)
    assert kept.bytes == weigh(Answer("ok", ("192.0.2.1",)))


def test_what_records_weigh() -> None:
    assert weigh(Answer("ok")) == ENTRY_BYTES
    assert weigh(Answer("ok", ((10, "mx.test"),))) == ENTRY_BYTES + 2 * RECORD_BYTES + 7

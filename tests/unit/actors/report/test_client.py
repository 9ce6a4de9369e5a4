"""Counts for reports: from everywhere, by day and domain; reports that came."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest

from actors.report import keys
from actors.report.client import WAITING_MAX, Ledger
from actors.report.types import DMARC, TLS, Received
from cluster.clock import ManualClock
from cluster.errors import Unavailable
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_what_several_count_is_added_up(store: MemoryStore, clock: ManualClock) -> None:
    one, two = Ledger(store, clock), Ledger(store, clock)
    day = keys.day_of(clock.ms)
    for ledger in (one, two, one):
        ledger.count(DMARC, "x.test", b"row")
    one.count(DMARC, "a.test", b"other", 5)
    two.count(TLS, "x.test", b"row")
    clock.advance(86_400)
    two.count(DMARC, "x.test", b"row")
    await one.stop()
    await two.stop()
    assert [domain async for domain in one.domains(DMARC, day)] == ["a.test", "x.test"]
    assert [(found.row, found.count) for found in await one.counted(DMARC, day, "x.test", 10)] == [(b"row", 3)]
    assert await one.first_day(DMARC, day + 5) == day
    await one.done(DMARC, day, "x.test")
    await one.done(DMARC, day, "a.test")
    assert await one.is_done(DMARC, day, "x.test")
    assert await one.first_day(DMARC, day + 5) == day + 1
    assert await one.first_day(DMARC, day) is None
    await one.forget(DMARC, day + 1)
    assert not await one.is_done(DMARC, day, "x.test")
    assert [found.count for found in await one.counted(TLS, day, "x.test", 10)] == [1]


async def test_domains_whose_names_begin_alike_are_kept_apart(store: MemoryStore, clock: ManualClock) -> None:
    ledger = Ledger(store, clock)
    day = keys.day_of(clock.ms)
    for domain in ("x.te", "x.test", "x.test.org", "ü" * 200):
        ledger.count(DMARC, domain, domain.encode())
    await ledger.stop()
    for domain in ("x.te", "x.test", "x.test.org"):
        (found,) = await ledger.counted(DMARC, day, domain, 10)
        assert found.row == domain.encode()
    assert len([domain async for domain in ledger.domains(DMARC, day)]) == 4


async def test_more_rows_than_a_page_and_a_limit(store: MemoryStore, clock: ManualClock) -> None:
    ledger = Ledger(store, clock)
    for number in range(1300):
        ledger.count(TLS, "x.test", b"%d" % number, number)
    await ledger.flush()
    day = keys.day_of(clock.ms)
    found = await ledger.counted(TLS, day, "x.test", 10_000)
    assert sorted(one.count for one in found) == list(range(1300))
    assert len(await ledger.counted(TLS, day, "x.test", 700)) == 700
    await ledger.stop()


async def test_what_waits_is_bounded(store: MemoryStore, clock: ManualClock) -> None:
    ledger = Ledger(store, clock)
    for number in range(WAITING_MAX + 50):
        ledger.count(TLS, "x.test", b"%d" % number)
    ledger.count(TLS, "x.test", bytes(100_000))
    await ledger.stop()
    assert len(await ledger.counted(TLS, keys.day_of(clock.ms), "x.test", 10_000)) == WAITING_MAX


class Failing(MemoryStore):
    async def transact(self, body: Callable[[Transaction], Awaitable[Any]]) -> Any:
        raise Unavailable("away")


async def test_a_store_that_is_away_costs_counts_only(clock: ManualClock) -> None:
    ledger = Ledger(Failing(), clock)
    ledger.count(TLS, "x.test", b"row")
    await ledger.stop()


async def test_reports_that_came_the_newest_first(store: MemoryStore, clock: ManualClock) -> None:
    ledger = Ledger(store, clock)
    for number in range(4):
        kind: Literal["dmarc", "tls"] = "dmarc" if number % 2 else "tls"
        kept = Received(b"%d" % number, clock.ms + number, kind, f"{number % 2}.test", "org")
        await ledger.keep(kept)
        await ledger.keep(kept)
    assert [report.id for report in await ledger.newest(3)] == [b"3", b"2", b"1"]
    assert [report.id for report in await ledger.newest(9, kind="tls")] == [b"2", b"0"]
    assert [report.id for report in await ledger.newest(9, domain="1.test")] == [b"3", b"1"]
    assert [report.id for report in await ledger.newest(9, clock.ms + 2)] == [b"1", b"0"]
    assert await ledger.sweep(clock.ms + 1) == 2
    assert [report.id for report in await ledger.newest(9)] == [b"3", b"2"]


async def test_a_report_is_kept_once_and_found_by_its_id(store: MemoryStore, clock: ManualClock) -> None:
    ledger = Ledger(store, clock)
    first = Received(b"1" * 16, clock.ms, "dmarc", "x.test", "org", failed=3)
    assert await ledger.keep(first)
    assert not await ledger.keep(Received(b"1" * 16, clock.ms + 5, "dmarc", "x.test", "org", failed=9))
    assert await ledger.newest(9) == [first]
    assert await ledger.read(b"1" * 16) == first
    assert await ledger.read(b"2" * 16) is None
    assert await ledger.sweep(clock.ms + 1) == 1
    assert await ledger.read(b"1" * 16) is None
    assert await ledger.keep(first)


async def test_reports_since_a_time_the_oldest_first(store: MemoryStore, clock: ManualClock) -> None:
    ledger = Ledger(store, clock)
    for number in range(1200):
        await ledger.keep(Received(number.to_bytes(2, "big"), clock.ms + number // 2, "tls", "x.test", "org"))
    found = [report.at_ms - clock.ms async for report in ledger.since(clock.ms + 3)]
    assert found == [number // 2 for number in range(6, 1200)]
    assert len([report async for report in ledger.since(0)]) == 1200


async def test_who_has_a_report_is_known_until_the_day_is_forgotten(store: MemoryStore, clock: ManualClock) -> None:
    ledger = Ledger(store, clock)
    day = keys.day_of(clock.ms)
    await ledger.sent(DMARC, day, "x.test", "a@x.test")
    assert await ledger.is_sent(DMARC, day, "x.test", "a@x.test")
    assert not await ledger.is_sent(DMARC, day, "x.test", "b@x.test")
    assert not await ledger.is_sent(TLS, day, "x.test", "a@x.test")
    assert not await ledger.is_done(DMARC, day, "x.test")
    await ledger.forget(DMARC, day)
    assert not await ledger.is_sent(DMARC, day, "x.test", "a@x.test")


async def test_transactions_are_bounded_also_where_rows_are_long(clock: ManualClock) -> None:
    class Sized(MemoryStore):
        async def transact(self, body: Callable[[Transaction], Awaitable[Any]]) -> Any:
            sizes.append(0)
            return await super().transact(lambda transaction: body(Measured(transaction)))  # type: ignore[arg-type]

    class Measured:
        def __init__(self, transaction: Transaction) -> None:
            self._transaction = transaction
            self.add = transaction.add

        def set(self, key: bytes, value: bytes) -> None:
            sizes[-1] += len(value)
            self._transaction.set(key, value)

    sizes: list[int] = []
    ledger = Ledger(Sized(), clock)
    for number in range(1000):
        ledger.count(DMARC, "x.test", b"%08000d" % number)
    await ledger.stop()
    assert sum(sizes) == 8_000_000
    assert max(sizes) <= 2_000_000

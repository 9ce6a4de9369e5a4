"""Traces over a store: found by any word, written together, removed in time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from actors.trace.client import Nowhere, TraceClient, TraceSettings
from actors.trace.types import Fact, Note
from cluster.clock import ManualClock
from cluster.errors import Unavailable
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction


def note(ident: str = "a.1", step: str = "intake", at_ms: int = 1_700_000_000_000, **other: Any) -> Note:
    return Note(ident, step, at_ms, facts=(Fact("connection", of={"ip": "192.0.2.1"}),), **other)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def traces(store: MemoryStore, clock: ManualClock) -> TraceClient:
    return TraceClient(store, clock, TraceSettings(keep_s=3600))


async def test_a_message_is_found_by_all_its_names(traces: TraceClient) -> None:
    intake = note(message_id="x@y", sender="a@x.test", recipients=("b@y.test", "c@y.test"), queue_ids=(b"\1\2",))
    attempt = note(step="0102.1", at_ms=intake.at_ms + 5, began_ms=intake.at_ms)
    await traces.note(intake)
    await traces.note(attempt)
    await traces.note(note("other.1", sender="a@x.test", at_ms=intake.at_ms + 1))
    for word in ("a.1", "<x@y>", "B@y.test", "c@y.test", "0102"):
        (story,) = await traces.find(word)
        assert story == ("a.1", (intake, attempt)), word
    assert [story.ident for story in await traces.find("a@x.test")] == ["other.1", "a.1"]
    assert [story.ident for story in await traces.find("a@x.test", limit=1)] == ["other.1"]
    assert await traces.find("nobody@x.test") == []


async def test_a_note_made_again_is_the_same(traces: TraceClient, store: MemoryStore) -> None:
    await traces.note(note())
    before = await store.range(b"", b"\xff")
    await traces.note(note())
    assert await store.range(b"", b"\xff") == before


async def test_old_notes_go_with_all_that_leads_to_them(
    traces: TraceClient, store: MemoryStore, clock: ManualClock
) -> None:
    for number in range(3):
        await traces.note(note(f"a.{number}", at_ms=clock.ms + number * 1000, sender="a@x.test"))
    clock.advance(3600)
    assert await traces.sweep() == 1
    assert [story.ident for story in await traces.find("a@x.test")] == ["a.2", "a.1"]
    clock.advance(10)
    assert await traces.sweep() == 2
    assert await store.range(b"", b"\xff") == []


async def test_what_is_told_is_written_soon_and_by_stop_at_the_latest(traces: TraceClient) -> None:
    for number in range(1200):
        traces.tell(note(f"a.{number}"))
    await traces.stop()
    assert await traces.find("a.1199")
    traces.tell(note("late.1"))
    assert await traces.find("late.1") == []


class Failing(MemoryStore):
    async def transact(self, body: Callable[[Transaction], Awaitable[Any]]) -> Any:
        raise Unavailable("away")


async def test_a_store_that_is_away_costs_the_trace_only(clock: ManualClock) -> None:
    registry = CollectorRegistry()
    traces = TraceClient(Failing(), clock, registry=registry)
    await asyncio.wait_for(traces.note(note()), 5)
    assert registry.get_sample_value("rookery_traces_lost_total", {"cause": "Unavailable"}) == 1


async def test_where_none_are_kept_nothing_is_written(store: MemoryStore, clock: ManualClock) -> None:
    traces = TraceClient(store, clock, TraceSettings(keep=False))
    traces.tell(note())
    await traces.note(note())
    nowhere = Nowhere()
    nowhere.tell(note())
    await nowhere.note(note())
    assert await store.range(b"", b"\xff") == []


async def test_a_damaged_note_hides_no_other(traces: TraceClient, store: MemoryStore) -> None:
    await traces.note(note(sender="a@x.test"))
    ((key, _row),) = await store.range(b"xN", b"xO")

    async def damage(transaction: Transaction) -> None:
        transaction.set(key, b"\1garbage")

    await store.transact(damage)
    await traces.note(note("b.1", sender="a@x.test"))
    assert [story.ident for story in await traces.find("a@x.test")] == ["b.1"]


class Counting(MemoryStore):
    """Knows how many keys each transaction changed."""

    def __init__(self) -> None:
        super().__init__()
        self.changed: list[int] = []

    async def transact(self, body: Callable[[Transaction], Awaitable[Any]]) -> Any:
        async def counted(transaction: Transaction) -> Any:
            overlay = Counted(transaction)
            result = await body(overlay)  # type: ignore[arg-type]
            self.changed.append(overlay.changed)
            return result

        return await super().transact(counted)


class Counted:
    """A transaction whose writes are counted."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.changed = 0

    def set(self, key: bytes, value: bytes) -> None:
        self.changed += 1
        self._transaction.set(key, value)

    def clear(self, key: bytes) -> None:
        self.changed += 1
        self._transaction.clear(key)


async def test_transactions_are_bounded_also_where_each_message_has_many_names(clock: ManualClock) -> None:
    """FoundationDB counts 170 bytes for each short key, and takes 10 MB."""
    store = Counting()
    traces = TraceClient(store, clock, TraceSettings(keep_s=3600))
    for number in range(500):
        names = tuple(f"{number}.{one}@x.test" for one in range(100))
        traces.tell(note(f"a.{number}", at_ms=clock.ms + number, recipients=names))
    await traces.stop()
    assert sum(store.changed) == 500 * 102
    assert max(store.changed) <= 10_000
    store.changed.clear()
    clock.advance(3700)
    assert await traces.sweep() == 500
    assert max(store.changed) <= 10_000
    assert await store.range(b"", b"\xff") == []

"""Requests that come twice: while the first runs, when its process died, and how long anything is kept."""

import pytest

from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from ops.admin.http.problems import Problem
from ops.admin.http.repeats import PREFIX, RUNNING_MS, Kept, Repeats
from wire import admin_pb2 as pb

ASKED = pb.AddDomainRequest(name="a.example")
ANSWERED = Kept(0, "", 201, "{}", "/x")


async def rows(store: MemoryStore) -> int:
    return len(await store.range(PREFIX, PREFIX + b"\xff"))


async def test_while_the_first_runs_the_second_is_told_so_until_it_must_have_died() -> None:
    clock = ManualClock()
    repeats = Repeats(MemoryStore(clock=clock), clock)
    assert await repeats.begin("root", "k", "Directory.AddDomain", ASKED) is None
    with pytest.raises(Problem) as caught:
        await repeats.begin("root", "k", "Directory.AddDomain", ASKED)
    assert (caught.value.status, caught.value.told["retry"]) == (409, True)
    clock.advance(RUNNING_MS / 1000)
    assert await repeats.begin("root", "k", "Directory.AddDomain", ASKED) is None


async def test_an_answer_is_kept_over_midnight_and_then_forgotten() -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    repeats = Repeats(store, clock)
    await repeats.begin("root", "k", "Directory.AddDomain", ASKED)
    clock.advance(86_400)
    await repeats.end("root", "k", ANSWERED)
    kept = await repeats.begin("root", "k", "Directory.AddDomain", ASKED)
    assert kept is not None
    assert (kept.status, kept.body, kept.location) == (201, "{}", "/x")
    clock.advance(2 * 86_400)
    await repeats.begin("root", "other", "Directory.AddDomain", ASKED)
    assert await rows(store) == 1


async def test_what_failed_is_forgotten_at_once() -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    repeats = Repeats(store, clock)
    await repeats.begin("root", "k", "Directory.AddDomain", ASKED)
    await repeats.end("root", "k", None)
    assert await rows(store) == 0


async def test_the_same_fields_of_another_call_are_another_request() -> None:
    clock = ManualClock()
    repeats = Repeats(MemoryStore(clock=clock), clock)
    await repeats.begin("root", "k", "Directory.AddDomain", ASKED)
    with pytest.raises(Problem) as caught:
        await repeats.begin("root", "k", "Directory.AddAccount", ASKED)
    assert caught.value.status == 422


async def test_nothing_of_a_secret_is_kept() -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    repeats = Repeats(store, clock)
    request = pb.AddAccountRequest(login="a@a.example", password="one")
    await repeats.begin("root", "k", "Directory.AddAccount", request)
    before = await store.range(PREFIX, PREFIX + b"\xff")
    await repeats.end("root", "k", None)
    request.password = "two"
    await repeats.begin("root", "k", "Directory.AddAccount", request)
    assert await store.range(PREFIX, PREFIX + b"\xff") == before

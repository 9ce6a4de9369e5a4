"""The bounded queue of a watch, and what one change may hold."""

import asyncio

import pytest

from cluster.errors import Refused
from cluster.membership.registry import Entry, Snapshot, Update
from cluster.membership.watching import PENDING_MAX, UpdateQueue
from tests.virtual import run


def update(revision: int, keys: int = 1) -> Update:
    return Update(revision, {f"{revision} {n}": Entry(b"", revision, revision) for n in range(keys)})


def queue(calls: list[str]) -> UpdateQueue:
    return UpdateQueue(on_wanted=lambda: calls.append("wanted"), on_close=lambda: calls.append("close"))


def test_it_holds_so_many_changes_and_then_nothing_until_a_restart() -> None:
    async def body() -> None:
        calls: list[str] = []
        updates = queue(calls)
        assert all(updates.offer(update(n)) for n in range(PENDING_MAX))
        assert not updates.offer(update(PENDING_MAX))
        assert updates.ran_over
        assert not updates.offer(update(PENDING_MAX + 1))
        reading = asyncio.create_task(updates.__anext__())
        await asyncio.sleep(0)
        assert calls == ["wanted"]
        updates.restart(Snapshot(5000, {}))
        assert await reading == Update(5000, {}, reset=True)
        assert updates.offer(update(5001))
        assert (await updates.__anext__()).revision == 5001

    run(body())


def test_one_update_is_never_too_large() -> None:
    async def body() -> None:
        updates = queue([])
        assert updates.offer(update(1, PENDING_MAX * 2))
        assert len((await updates.__anext__()).entries) == PENDING_MAX * 2
        assert updates.offer(update(2, PENDING_MAX))

    run(body())


def test_an_error_comes_after_what_waits() -> None:
    async def body() -> None:
        updates = queue([])
        updates.offer(update(1))
        updates.fail(Refused("No."))
        assert (await updates.__anext__()).revision == 1
        with pytest.raises(Refused):
            await updates.__anext__()

    run(body())


def test_it_closes_once() -> None:
    async def body() -> None:
        calls: list[str] = []
        updates = queue(calls)
        updates.close()
        await updates.aclose()
        assert calls == ["close"]
        assert not updates.offer(update(1))
        assert [read async for read in updates] == []

    run(body())

"""cluster/blobs/threads.py: bounded in number, in waiting and in time."""

import asyncio
import threading

import pytest

from cluster.blobs import threads
from cluster.blobs.threads import Threads
from cluster.errors import Unavailable

FOREVER_S = 30.0


async def test_what_work_returns_or_raises() -> None:
    pool = Threads("t", 2)
    assert await pool.run(lambda: 5, FOREVER_S) == 5
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 // 0, FOREVER_S)
    assert await pool.run(lambda: 6, FOREVER_S) == 6
    await pool.close()
    with pytest.raises(Unavailable):
        await pool.run(lambda: 7, FOREVER_S)


async def test_who_waits_too_long_is_told_and_a_place_is_free_only_when_its_thread_is() -> None:
    pool = Threads("t", 1)
    go_on = threading.Event()
    ran: list[int] = []
    with pytest.raises(Unavailable):
        await pool.run(lambda: go_on.wait(FOREVER_S), 0.01)
    with pytest.raises(Unavailable):  # the only thread is still at work
        await pool.run(lambda: ran.append(1), 0.01)
    go_on.set()
    await pool.run(lambda: ran.append(2), FOREVER_S)
    assert ran == [2]
    await pool.close()


async def test_who_is_cancelled_gives_the_place_back_in_the_end() -> None:
    pool = Threads("t", 1)
    go_on = threading.Event()
    begun = threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(FOREVER_S)

    first = asyncio.ensure_future(pool.run(work, FOREVER_S))
    await asyncio.to_thread(begun.wait, FOREVER_S)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.ensure_future(pool.run(lambda: 5, FOREVER_S))
    await asyncio.sleep(0)
    assert not second.done()
    go_on.set()
    assert await second == 5
    await pool.close()


async def test_more_than_a_bound_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "WAITING_MAX", 2)
    pool = Threads("t", 1)
    go_on = threading.Event()
    waiting = [asyncio.ensure_future(pool.run(lambda: go_on.wait(FOREVER_S), FOREVER_S)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="wait"):
        await pool.run(lambda: 5, FOREVER_S)
    go_on.set()
    await asyncio.gather(*waiting)
    assert await pool.run(lambda: 5, FOREVER_S) == 5
    await pool.close()

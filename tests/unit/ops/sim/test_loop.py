"""ops/sim/loop.py: order within a lane, time that waits for nobody, processes that stop, stay stopped or die."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from random import Random
from typing import Any

import pytest

from ops.sim.loop import Lane, SimLoop, Stuck


def run(main: Any, seed: int = 1) -> SimLoop:
    """Run `main(loop)` to its end."""
    loop = SimLoop(Random(seed))
    try:
        loop.run_until_complete(main(loop))
        loop.check_tasks()
    finally:
        loop.close()
    return loop


def test_a_lane_keeps_its_order_and_lanes_do_not() -> None:
    def order(seed: int) -> list[tuple[str, int]]:
        seen: list[tuple[str, int]] = []

        async def main(loop: SimLoop) -> None:
            for lane in (Lane("a"), Lane("b")):
                for number in range(20):
                    loop.at(lane, 0.0, seen.append, (lane.name, number))
            await asyncio.sleep(1)

        run(main, seed)
        return seen

    for name in ("a", "b"):
        assert [number for lane, number in order(1) if lane == name] == list(range(20))
    assert order(1) == order(1)
    assert order(1) != order(2)


def test_time_jumps_to_what_is_next() -> None:
    async def main(loop: SimLoop) -> None:
        begun = loop.time()
        await asyncio.sleep(86_400)
        assert loop.time() - begun == pytest.approx(86_400)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        assert loop.now == pytest.approx(86_405)

    run(main)


def test_a_clock_that_drifts_wakes_its_lane_early_or_late() -> None:
    woken: list[float] = []

    async def sleeper(loop: SimLoop) -> None:
        await asyncio.sleep(10)
        woken.append(loop.now)

    async def main(loop: SimLoop) -> None:
        for rate in (2.0, 0.5):
            loop.spawn(Lane("x", rate=rate, shift=1000.0), sleeper(loop))
        await asyncio.sleep(100)

    run(main)
    assert woken == pytest.approx([5.0, 20.0])


def test_a_timer_set_for_another_lane_goes_by_that_lanes_clock() -> None:
    # It was set by the caller's clock once, and leases of dead shards never ran out.
    called: list[float] = []

    async def main(loop: SimLoop) -> None:
        server, client = Lane("server"), Lane("client", shift=5000.0)

        async def ask() -> None:
            loop.call_later(3, lambda: called.append(loop.now), context=server.context)

        loop.spawn(client, ask())
        await asyncio.sleep(10)

    run(main)
    assert called == [3.0]


def test_a_paused_lane_goes_on_late_and_a_dead_one_never() -> None:
    seen: list[tuple[str, float]] = []

    async def ticking(loop: SimLoop, name: str) -> None:
        try:
            while True:
                await asyncio.sleep(1)
                seen.append((name, loop.now))
        finally:
            await asyncio.sleep(1)  # what a process would do at its end, had it not been killed

    async def main(loop: SimLoop) -> None:
        stopped, dead = Lane("stopped"), Lane("dead")
        loop.spawn(stopped, ticking(loop, "stopped"))
        loop.spawn(dead, ticking(loop, "dead"))
        await asyncio.sleep(1.5)
        loop.pause(stopped)
        loop.kill(dead)
        await asyncio.sleep(5)
        loop.resume(stopped)
        await asyncio.sleep(0.1)

    run(main)
    assert seen.count(("dead", 1.0)) == 1
    assert [when for name, when in seen if name == "dead"] == [1.0]
    assert [when for name, when in seen if name == "stopped"] == [1.0, 6.5]


def test_what_raised_what_nobody_expects_is_told() -> None:
    async def defect() -> None:
        raise ZeroDivisionError

    async def main(loop: SimLoop) -> None:
        lane = Lane("here")
        loop.spawn(lane, defect())
        loop.at(lane, 1.0, lambda: 1 // 0)
        await asyncio.sleep(2)

    failures = run(main).failures
    assert len(failures) == 2
    assert all("here" in failure and "ZeroDivisionError" in failure for failure in failures)


def test_work_for_threads_is_done_here() -> None:
    async def main(loop: SimLoop) -> None:
        assert await loop.run_in_executor(None, lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)

    run(main)


def test_who_waits_for_nothing_is_stuck() -> None:
    async def main(_loop: SimLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck, match="nothing ever will"):
        run(main)


def test_generators_and_stubborn_tasks_end_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(1)

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    async def left() -> None:
        async for _number in numbers():
            await asyncio.Event().wait()

    async def main(loop: SimLoop) -> None:
        tasks: list[Coroutine[Any, Any, None]] = [stubborn(), left()]
        for each in tasks:
            loop.spawn(Lane("x"), each)
        await asyncio.sleep(1)

    assert run(main).is_closed()
    assert capfd.readouterr().err == ""

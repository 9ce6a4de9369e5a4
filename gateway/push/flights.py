"""Pushes under way: so many at once, so many to one push service, and so many of one account.

The law: neither one slow service nor one user with many of them can hold up the others, and whoever waits for room is
not forgotten: where there is room in a lane that somebody waits for, one of them is ready.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final

import structlog

from gateway.push.routes import Route

AT_ONCE_MAX: Final = 64  # about 100 kB each while it lasts
TO_ONE_MAX: Final = 32  # most people's devices are at one of three services
OF_ONE_MAX: Final = 4  # as many services as a user has names for may be his, and take their time

Lane = str | int
"""An origin, or an account."""


class Flights:
    """A sender's."""

    def __init__(self, fly: Callable[[Route], Coroutine[None, None, None]]) -> None:
        """`fly`: pushes to one, and says itself what comes after."""
        self._fly = fly
        self._tasks: set[asyncio.Task[None]] = set()
        self._in: dict[Lane, int] = {}
        self._ready: deque[Route] = deque()
        self._parked: dict[Lane, deque[Route]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, route: Route) -> None:
        """Push to it as soon as there is room. It is not here yet."""
        self._ready.append(route)
        self._next()

    async def stop(self, drain_s: float) -> None:
        """Begin no more; let what is under way end within some seconds."""
        self._ready.clear()
        self._parked.clear()
        if self._tasks:
            _done, late = await asyncio.wait(self._tasks, timeout=drain_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _next(self) -> None:
        while self._ready and len(self._tasks) < AT_ONCE_MAX:
            route = self._ready.popleft()
            lanes: tuple[Lane, Lane] = (route.account, route.origin)
            full = next((lane for lane in lanes if not self._has_room(lane)), None)
            if full is not None:
                self._parked.setdefault(full, deque()).append(route)
                for lane in lanes:  # it may have been the one that was ready
                    self._wake(lane)
                continue
            for lane in lanes:
                self._in[lane] = self._in.get(lane, 0) + 1
            task = asyncio.get_running_loop().create_task(self._run(route), name="push")
            self._tasks.add(task)
            task.add_done_callback(partial(self._landed, lanes))

    def _has_room(self, lane: Lane) -> bool:
        return self._in.get(lane, 0) < (OF_ONE_MAX if isinstance(lane, int) else TO_ONE_MAX)

    def _wake(self, lane: Lane) -> None:
        """One of those who wait for a lane, if it has room."""
        parked = self._parked.get(lane)
        if parked and self._has_room(lane):
            self._ready.append(parked.popleft())
            if not parked:
                del self._parked[lane]

    async def _run(self, route: Route) -> None:
        try:
            await self._fly(route)
        except Exception as error:  # noqa: BLE001 - a defect must cost one push, not all
            structlog.get_logger().error("push.defect", error=repr(error), exc_info=error)

    def _landed(self, lanes: tuple[Lane, Lane], task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        for lane in lanes:
            self._in[lane] -= 1
            if not self._in[lane]:
                del self._in[lane]
            self._wake(lane)
        self._next()

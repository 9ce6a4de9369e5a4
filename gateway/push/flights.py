"""Pushes under way: so many at once, and so many to one push service.

The law: one slow service cannot hold up the others, and whoever waits for room is not forgotten.
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


class Flights:
    """A sender's."""

    def __init__(self, fly: Callable[[Route], Coroutine[None, None, None]]) -> None:
        """`fly`: pushes to one, and says itself what comes after."""
        self._fly = fly
        self._tasks: set[asyncio.Task[None]] = set()
        self._to: dict[str, int] = {}
        self._ready: deque[Route] = deque()
        self._parked: dict[str, deque[Route]] = {}

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
            if self._to.get(route.origin, 0) >= TO_ONE_MAX:
                self._parked.setdefault(route.origin, deque()).append(route)
                continue
            self._to[route.origin] = self._to.get(route.origin, 0) + 1
            task = asyncio.get_running_loop().create_task(self._run(route), name="push")
            self._tasks.add(task)
            task.add_done_callback(partial(self._landed, route.origin))

    async def _run(self, route: Route) -> None:
        try:
            await self._fly(route)
        except Exception as error:  # noqa: BLE001 - a defect must cost one push, not all
            structlog.get_logger().error("push.defect", error=repr(error), exc_info=error)

    def _landed(self, origin: str, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._to[origin] -= 1
        if not self._to[origin]:
            del self._to[origin]
        parked = self._parked.get(origin)
        if parked:
            self._ready.append(parked.popleft())
            if not parked:
                del self._parked[origin]
        self._next()

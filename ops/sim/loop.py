"""An event loop in virtual time: no thread, no socket, no waiting; the same seed gives the same run.

The law: what is ready on one lane (a process) runs in the order in which it became ready, as asyncio promises; which
lane goes next is the dice's choice. Time moves only when nothing is ready. A paused lane's handles wait, as after
SIGSTOP, and its timers fire late; those of a dead lane never run, and what its tasks held is ended in `close`.
"""

import asyncio
import heapq
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, TypeVar

from cluster.clock import Dice

T = TypeVar("T")

HANDLES_AT_ONCE_MAX: Final = 200_000  # at one moment: who runs more is in a loop that never waits
TASKS_BEFORE_SWEEP: Final = 512  # finished tasks are let go of when so many are held
CLOSING_ROUNDS_MAX: Final = 50  # cancellations of what is left at the end; a task that survives them is closed by force


class Stuck(Exception):
    """The run cannot go on: nothing will ever be ready, or something never waits."""


class Lane:
    """What runs one after another: one life of a process. Its monotonic clock starts anywhere and drifts."""

    __slots__ = ("alive", "context", "name", "paused", "rate", "ready", "shift")

    def __init__(self, name: str, *, rate: float = 1.0, shift: float = 0.0) -> None:
        self.name = name
        self.rate = rate
        self.shift = shift
        self.alive = True
        self.paused = False
        self.ready: deque[asyncio.Handle] = deque()
        self.context = copy_context()
        self.context.run(_LANE.set, self)


_LANE: ContextVar[Lane] = ContextVar("lane")


# Of the methods that asyncio asks of a loop, those that open sockets or start programs stay as they are: they raise.
_Loop: Any = asyncio.AbstractEventLoop


class SimLoop(_Loop):  # type: ignore[misc]
    """The loop of one run. Made, used and closed in one thread; `close` must be called."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self.now = 0.0  # seconds of true time
        self.steps = 0  # handles run
        self.failures: list[str] = []  # defects: callbacks and tasks that raised what nobody expects
        self.world = Lane("world")
        self._runnable: list[Lane] = []
        self._timers: list[tuple[float, int, Lane, asyncio.Handle]] = []
        self._timer_count = 0
        self._tasks: dict[asyncio.Task[Any], Lane] = {}
        self._sweep_at = TASKS_BEFORE_SWEEP
        self._generators: list[AsyncGenerator[Any, Any]] = []
        self._running = False
        self._closed = False
        self._ending = False

    # Lanes

    def pause(self, lane: Lane) -> None:
        """SIGSTOP: nothing of the lane runs until `resume`."""
        lane.paused = True
        if lane in self._runnable:
            self._runnable.remove(lane)

    def resume(self, lane: Lane) -> None:
        """SIGCONT."""
        lane.paused = False
        if lane.alive and lane.ready and lane not in self._runnable:
            self._runnable.append(lane)

    def kill(self, lane: Lane) -> None:
        """SIGKILL: nothing of the lane ever runs again."""
        self.pause(lane)
        lane.alive = False
        lane.ready.clear()

    def spawn(self, lane: Lane, coroutine: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run a coroutine on a lane."""
        return self.create_task(coroutine, context=lane.context.copy())

    def at(self, lane: Lane, when: float, callback: Callable[..., object], *arguments: Any) -> None:
        """Call on a lane at a moment of true time. Calls of one lane at one moment run in the order they were made."""
        handle = asyncio.Handle(callback, arguments, self, lane.context)
        if when <= self.now:
            self._make_ready(lane, handle)
        else:
            self._push(when, lane, handle)

    def lane(self) -> Lane:
        """The lane that runs now."""
        return _LANE.get(self.world)

    # What asyncio asks of a loop

    def time(self) -> float:
        """Seconds by the monotonic clock of the lane that runs."""
        lane = _LANE.get(self.world)
        return self.now * lane.rate + lane.shift

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        """Run after what the lane has ready."""
        handle = asyncio.Handle(callback, args, self, context)
        self._make_ready(_LANE.get(self.world) if context is None else context.get(_LANE, self.world), handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run after so many seconds of the lane's clock."""
        lane = _LANE.get(self.world) if context is None else context.get(_LANE, self.world)
        return self.call_at(self.now * lane.rate + lane.shift + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run at a moment of the lane's clock."""
        lane = _LANE.get(self.world) if context is None else context.get(_LANE, self.world)
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._push(max(self.now, (when - lane.shift) / lane.rate), lane, handle)
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Any,
        *,
        name: str | None = None,
        context: Context | None = None,
        **options: Any,
    ) -> "asyncio.Task[Any]":
        """A task, on the lane of its context."""
        if self._ending:
            coro.close()
            raise RuntimeError("the run is over")
        task = asyncio.Task(coro, loop=self, name=name or "sim", context=context, **options)
        lane = _LANE.get(self.world) if context is None else context.get(_LANE, self.world)
        self._tasks[task] = lane
        if len(self._tasks) > self._sweep_at:
            self._let_go()
        return task

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 (asyncio's signature)
        func: Callable[..., T],
        *args: Any,
    ) -> "asyncio.Future[T]":
        """Run it here and now; the answer comes in the loop's next turn, as from a thread."""
        future: asyncio.Future[T] = self.create_future()
        try:
            result = func(*args)
        except Exception as error:  # noqa: BLE001 - whoever awaits it gets it
            self.call_soon(_settle, future, None, error)
        else:
            self.call_soon(_settle, future, result, None)
        return future

    def get_debug(self) -> bool:
        """Never: debug mode reads real clocks."""
        return False

    def set_debug(self, enabled: bool) -> None:
        """Not here."""

    def is_running(self) -> bool:
        """Whether it runs now."""
        return self._running

    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A callback that raised is a defect. What the collector finds later is not looked at: `close` did."""
        if "handle" in context and not self._ending:
            lane = context["handle"]._context.get(_LANE, self.world)
            self.failures.append(f"{lane.name}: {context['message']}: {context.get('exception')!r}")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio calls it; cancelled timers are passed over when their time comes."""

    # Running

    def run_until_complete(self, future: Any) -> Any:
        """Run a coroutine of the world, or until a future is done. Raises Stuck, and what it raises."""
        task = asyncio.ensure_future(future, loop=self)
        hooks = sys.get_asyncgen_hooks()
        # Generators are held until the end: else the collector, whose moments no seed decides, would end them.
        sys.set_asyncgen_hooks(firstiter=self._generators.append, finalizer=None)
        self._running = True
        asyncio._set_running_loop(self)
        try:
            self._run(task)
        finally:
            asyncio._set_running_loop(None)
            self._running = False
            sys.set_asyncgen_hooks(*hooks)
        return task.result()

    def _run(self, task: "asyncio.Future[Any]") -> None:
        runnable, random = self._runnable, self._dice.getrandbits
        here = 0
        while not task.done():
            if not runnable:
                self._advance()
                here = 0
                continue
            at = random(16) % len(runnable) if len(runnable) > 1 else 0
            lane = runnable[at]
            ready = lane.ready
            handle = ready.popleft()
            if not ready:
                runnable[at] = runnable[-1]
                runnable.pop()
            if handle._cancelled:
                continue
            handle._run()
            self.steps += 1
            here += 1
            if here > HANDLES_AT_ONCE_MAX:
                raise Stuck(f"{lane.name} never waits: {handle!r}")

    def _advance(self) -> None:
        """Go to the next moment at which something is due."""
        timers = self._timers
        while timers and (timers[0][3]._cancelled or not timers[0][2].alive):
            heapq.heappop(timers)
        if not timers:
            raise Stuck("nothing is ready and nothing ever will be")
        self.now = max(self.now, timers[0][0])
        while timers and timers[0][0] <= self.now:
            _when, _number, lane, handle = heapq.heappop(timers)
            if not handle._cancelled:
                self._make_ready(lane, handle)

    def _make_ready(self, lane: Lane, handle: asyncio.Handle) -> None:
        if not lane.alive:
            return
        if not lane.ready and not lane.paused:
            self._runnable.append(lane)
        lane.ready.append(handle)

    def _push(self, when: float, lane: Lane, handle: asyncio.Handle) -> None:
        self._timer_count += 1
        heapq.heappush(self._timers, (when, self._timer_count, lane, handle))

    def _let_go(self) -> None:
        """Forget finished tasks, and note those that ended as nobody expects."""
        for task, lane in list(self._tasks.items()):
            if task.done():
                del self._tasks[task]
                self._note(task, lane)
        self._sweep_at = len(self._tasks) + TASKS_BEFORE_SWEEP

    def _note(self, task: "asyncio.Task[Any]", lane: Lane) -> None:
        # Asking for the exception also keeps the collector from complaining about it at a moment of its own.
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, expected()) and lane is not self.world:
            self.failures.append(f"{lane.name}: a task ended with {error!r}")

    def check_tasks(self) -> None:
        """Look at what has ended so far, for `failures`."""
        self._let_go()

    def close(self) -> None:
        """End everything, also of dead lanes, so that nothing of this run is heard of later. Raises nothing."""
        if self._closed:
            return
        self._ending = True
        everyone = dict.fromkeys(self._tasks.values())
        for lane in everyone:
            lane.alive, lane.paused = True, False
            lane.ready.clear()
        self._runnable.clear()
        self._timers.clear()
        asyncio._set_running_loop(self)
        try:
            for _round in range(CLOSING_ROUNDS_MAX):
                left = [task for task in self._tasks if not task.done()]
                if not left:
                    break
                for task in left:
                    task.cancel()
                self._drain()
            for task in self._tasks:
                if task.done():
                    _ = task.cancelled() or task.exception()
                else:
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    _close_by_force(task.get_coro())
            for generator in self._generators:
                _end_generator(generator)
        finally:
            asyncio._set_running_loop(None)
        self._tasks.clear()
        self._generators.clear()
        self._runnable.clear()
        self._closed = True

    def _drain(self) -> None:
        for _ in range(HANDLES_AT_ONCE_MAX):
            if not self._runnable:
                return
            lane = self._runnable[0]
            handle = lane.ready.popleft()
            if not lane.ready:
                self._runnable.remove(lane)
            if not handle._cancelled:
                handle._run()


def expected() -> tuple[type[BaseException], ...]:
    """What a task may end with: trouble is part of life, and so is a link that broke."""
    from cluster.errors import Trouble

    return (Trouble, ConnectionError, TimeoutError, asyncio.CancelledError)


def _settle(future: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _close_by_force(coroutine: Any) -> None:
    try:
        coroutine.close()
    except BaseException:  # noqa: BLE001, S110 - it is over, whatever it answers
        pass


def _end_generator(generator: AsyncGenerator[Any, Any]) -> None:
    try:
        generator.aclose().send(None)
    except BaseException:  # noqa: BLE001, S110 - it is over, whatever it answers
        pass

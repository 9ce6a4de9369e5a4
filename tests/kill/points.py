"""Points at which a process can be made to die, each with a name: the n-th of its name is the last thing it does.

A point is (1) every suspension of every task, that is, every `yield` that reaches the event loop: `Stepping` stands
around each coroutine and hands `send` and `throw` through, so it sees them all, whoever awaits whom inside; (2) in
worker threads (the store's writer, the blob threads), the moment before each call that changes a file or a transaction;
(3) the moment a worker thread hands its answer to the loop; (4) what the caller names, here the bytes to the client.
Between two neighbouring points nothing becomes durable and nothing is said, so to die at each is to die everywhere.

A point is named, not numbered across all threads, because which thread comes first differs from run to run: a number
would skip what another run had there. Of one name the order is the code's own.

The law: nothing is patched; what runs is the code that serves.
"""

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from types import FrameType
from typing import Any, Final, NamedTuple, TypeVarTuple

Ts = TypeVarTuple("Ts")

DIED: Final = 77  # exit code
STEPS: Final = frozenset({"open", "write", "utime", "fsync", "rename", "mkdir", "putmulti", "delete", "commit"})


class Point(NamedTuple):
    """The `nth` (from 1) that is reached of a name."""

    name: str
    nth: int


class Points:
    """Counts, and dies at `fatal`, or never. Nothing counts before `counting` is set."""

    def __init__(self, fatal: Point | None = None) -> None:
        self.counting = False
        self._fatal = fatal
        self._reached: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reached(self, name: str) -> None:
        """A point. Does not return if it is the fatal one."""
        if not self.counting:
            return
        with self._lock:
            self._reached[name] += 1
            if (name, self._reached[name]) == self._fatal:
                os._exit(DIED)

    def all(self) -> list[Point]:
        """Every point that was reached, to die at in other runs."""
        self.counting = False
        return [Point(name, nth) for name, times in self._reached.items() for nth in range(1, times + 1)]

    def task(self, loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> "asyncio.Task[Any]":
        """A task factory."""
        return asyncio.Task(Stepping(coro, self), loop=loop, **more)

    def profile(self, _frame: FrameType, event: str, what: Any) -> None:
        """A profile function for worker threads."""
        if event == "c_call" and what.__name__ in STEPS:
            self.reached(f"thread: {what.__name__}")


class Stepping(Coroutine[Any, Any, Any]):
    """A coroutine of which every suspension is a point."""

    def __init__(self, coro: Coroutine[Any, Any, Any], points: Points) -> None:
        self._coro = coro
        self._points = points

    def send(self, value: Any) -> Any:
        """On, until it is suspended again or ends (StopIteration passes through)."""
        return self._suspended(self._coro.send(value))

    def throw(self, *error: Any) -> Any:
        """The same with an exception."""
        return self._suspended(self._coro.throw(*error))

    def close(self) -> None:
        """End it."""
        self._coro.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coro.__await__()

    def _suspended(self, yielded: Any) -> Any:
        self._points.reached(f"await: {_innermost(self._coro)}")
        return yielded


class CrashingLoop(asyncio.SelectorEventLoop):
    """A loop whose tasks and threads have points."""

    def __init__(self, points: Points) -> None:
        super().__init__()
        self._points = points

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """A worker thread has an answer."""
        self._points.reached("thread: answers")
        return super().call_soon_threadsafe(callback, *args, context=context)


def _innermost(coro: Any) -> str:
    """The name of the coroutine that was suspended, below all that await it."""
    while isinstance(inner := getattr(coro, "cr_await", None), Coroutine):
        coro = inner
    return str(getattr(coro, "__qualname__", type(coro).__name__))

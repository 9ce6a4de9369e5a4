"""The `alone` hosting: everything in one process and one event loop, by direct calls.

The law: what a server is made of is entered in order and left in the reverse order, so that whoever is asked outlives
who asks. SIGTERM and SIGINT drain; a second signal, or the drain's deadline, ends the process at once: what was
acknowledged is durable.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

# How long the store's writing thread waits for the interpreter while the loop is busy. It asks some six times a commit,
# so Python's 5 ms made a commit of 1 ms last 5 ms; shorter than this costs more in switching than it saves.
SWITCH_S: Final = 0.0005
EXIT_CUT_SHORT: Final = 130  # the drain was ended by a second signal

T = TypeVar("T")


async def serve(server: AbstractAsyncContextManager[T], started: Callable[[T], None], *, drain_s: float) -> bool:
    """Enter the server, run until a signal, leave it; whether that was done within `drain_s`."""
    stop = asyncio.Event()
    _on_signals(stop)
    running = await server.__aenter__()
    try:
        started(running)
        await stop.wait()
    finally:
        drained = await _leave(server, drain_s)
    return drained


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a program's main coroutine on the fastest loop there is."""
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return int(runner.run(main))


def new_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop there is."""
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        return asyncio.new_event_loop()
    made: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return made


async def _leave(server: AbstractAsyncContextManager[Any], drain_s: float) -> bool:
    try:
        async with asyncio.timeout(drain_s):
            await server.__aexit__(None, None, None)
    except TimeoutError:
        return False
    return True


def _on_signals(stop: asyncio.Event) -> None:
    def asked() -> None:
        if stop.is_set():
            os._exit(EXIT_CUT_SHORT)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)

"""The `alone` hosting: every service in one process and one event loop, by direct calls.

The law: services start in order and stop in the reverse order, so that whoever is asked outlives who asks; SIGTERM and
SIGINT drain; a second signal, or the drain's deadline, ends the process at once (what was acknowledged is durable).
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

EXIT_KILLED: Final = 130  # a second signal cut the drain short


class Service(Protocol):
    """Something that runs."""

    async def start(self) -> None:
        """Begin to serve; raises Trouble if it cannot."""
        ...

    async def stop(self) -> None:
        """Take nothing new, finish what was promised."""
        ...


async def serve(services: Sequence[Service], started: Callable[[], None], *, drain_s: float) -> bool:
    """Run until a signal; whether all stopped in time. What fails to start stops what was started before."""
    stop = asyncio.Event()
    _on_signals(stop)
    running: list[Service] = []
    try:
        for service in services:
            await service.start()
            running.append(service)
        started()
        await stop.wait()
    finally:
        drained = await _stop_all(running[::-1], drain_s)
    return drained


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a program's main coroutine on the fastest loop there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return int(runner.run(main))


async def _stop_all(services: Sequence[Service], drain_s: float) -> bool:
    try:
        async with asyncio.timeout(drain_s):
            for service in services:
                await service.stop()
    except TimeoutError:
        return False
    return True


def _on_signals(stop: asyncio.Event) -> None:
    def asked() -> None:
        if stop.is_set():
            os._exit(EXIT_KILLED)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)

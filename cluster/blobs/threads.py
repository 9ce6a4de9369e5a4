"""Threads for work that blocks, so that the event loop never does: bounded in number, in waiting and in time.

The law: a place is free again only when its thread is, however the one who waited was answered.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

from cluster.errors import Unavailable

WAITING_MAX: Final = 1000  # each may hold a large message
T = TypeVar("T")


class Threads:
    """A pool whose queue is outside of it."""

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._room = asyncio.Semaphore(threads)
        self._waiting = 0
        self._closed = False

    async def run(self, work: Callable[[], T], seconds: float) -> T:
        """What `work` returns or raises. Raises Unavailable after so many seconds, waiting included.

        The thread may still be at work then; it must come to an end by itself.
        """
        if self._waiting >= WAITING_MAX:
            raise Unavailable("The message store is busy.", log=f"{self._waiting} calls wait already")
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self._room.acquire()
                return await asyncio.wrap_future(self._submit(work))
        except TimeoutError as error:
            raise Unavailable("The message store does not answer.", log=f"no answer in {seconds:.0f} s") from error
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """No more work; wait for what is under way."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)

    def _submit(self, work: Callable[[], T]) -> "Future[T]":
        if self._closed:
            self._room.release()
            raise Unavailable("The message store is closed.")
        loop = asyncio.get_running_loop()

        def done(_future: Future[Any]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._room.release)

        future = self._pool.submit(work)
        future.add_done_callback(done)
        return future

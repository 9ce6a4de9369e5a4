"""Watches the registry for one process, and tells it where slots are: the Places of a cluster.

The law: what is known may be old, never invented: while the registry is away the last known stays. Nobody who waits is
left waiting past its time, and those who wait are woken only by a change of what they wait for.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from cluster.errors import Trouble, Unavailable
from cluster.membership.members import Layout, Member
from cluster.membership.registry import Registry
from cluster.placement.known import Known

WAITERS_MAX: Final = 100_000  # calls of one gateway that wait for owners: some 500 bytes each
RETRY_S: Final = 1.0  # after a watch that was refused

_Waiters = dict["asyncio.Future[None]", Member | None]  # with the owner that each knows


class Watching:
    """One a process. Implements Places."""

    def __init__(self, registry: Registry, layout: Layout, *, retry_s: float = RETRY_S) -> None:
        self._registry = registry
        self._root = layout.root
        self._retry_s = retry_s
        self._waiting: dict[tuple[str, int], _Waiters] = {}  # by kind and slot
        self._waiters = 0
        self._callbacks: list[Callable[[], None]] = []
        self._complete = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger()
        self.known: Final = Known(layout)
        self.owner = self.known.owner  # Places.owner, without a frame in between
        self.revision = 0  # of the registry; 0: nothing was heard yet

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._watch(), name="watching")

    async def ready(self, timeout_s: float) -> None:
        """Return when everything there is was seen once. Raises Unavailable when the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._complete.wait()
        except TimeoutError:
            raise Unavailable("The registry (etcd) does not answer; is it running?") from None

    async def close(self) -> None:
        """Stop watching. What was known stays."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call this after every update that was taken in. It must not block; what it raises is logged. Returns what
        ends it."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    async def changed(self, kind: str, slot: int, known: Member | None, timeout_s: float) -> None:
        """Of Places. Raises Unavailable when WAITERS_MAX wait already."""
        if self.owner(kind, slot) != known:
            return
        if self._waiters >= WAITERS_MAX:
            raise Unavailable("Too much waits for other servers; try again.", log="too many wait for owners of slots")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        here = self._waiting.setdefault((kind, slot), {})
        here[waiter] = known
        self._waiters += 1
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            pass
        finally:
            self._waiters -= 1
            del here[waiter]
            if not here and self._waiting.get((kind, slot)) is here:
                del self._waiting[kind, slot]

    async def _watch(self) -> None:
        while True:
            watch = self._registry.watch(self._root)
            try:
                async for update in watch:
                    self.known.apply(update)
                    self.revision = update.revision
                    self._tell()
            except Trouble as trouble:
                self._log.warning("watch_failed", error=trouble.log)
            except Exception as error:  # noqa: BLE001 (who sees nothing any more must not seem to see)
                self._log.error("watch_failed", error=repr(error), exc_info=error)
            finally:
                await watch.aclose()
            await asyncio.sleep(self._retry_s)

    def _tell(self) -> None:
        self._complete.set()
        for (kind, slot), waiters in self._waiting.items():
            owner = self.owner(kind, slot)
            for waiter, known in waiters.items():
                if owner != known and not waiter.done():
                    waiter.set_result(None)
        for callback in tuple(self._callbacks):
            try:
                callback()
            except Exception as error:  # noqa: BLE001 (one listener must not end the watching for all)
                self._log.error("watch_callback_failed", error=repr(error))

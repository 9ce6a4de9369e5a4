"""What a gateway has lost and begins anew: views of mailboxes, followed accounts.

The law: what is lost is tried again until it is there or nobody wants it, by one task each, with pauses between; a
defect makes this no loop without pauses.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Generic, TypeVar

import structlog

from cluster.errors import Trouble

PAUSE_S: Final = 0.1  # between the first two attempts; then twice as long each time
PAUSE_MAX_S: Final = 5.0

T = TypeVar("T")


class Renewing(Generic[T]):
    """One for each kind of thing in a gateway process."""

    def __init__(self, wanted: Callable[[T], bool], begin: Callable[[T], Awaitable[None]], name: str) -> None:
        """`wanted`: whether it is lost and somebody wants it. `begin` tries once; raises what went wrong."""
        self._wanted = wanted
        self._begin = begin
        self._name = name
        self._tasks: dict[T, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def renew(self, lost: T) -> None:
        """It is lost: have it again."""
        if lost not in self._tasks and self._wanted(lost):
            task = asyncio.get_running_loop().create_task(self._until_there(lost), name=f"{self._name} renewal")
            self._tasks[lost] = task
            task.add_done_callback(partial(self._ended, lost))

    def leave(self, lost: T) -> None:
        """Nobody wants it any more."""
        task = self._tasks.get(lost)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Renew nothing any more."""
        for task in self._tasks.values():
            task.cancel()

    def _ended(self, lost: T, task: "asyncio.Task[None]") -> None:
        del self._tasks[lost]
        if not task.cancelled():  # it may be lost again, while the last steps were taken
            self.renew(lost)

    async def _until_there(self, lost: T) -> None:
        pause_s = PAUSE_S
        while self._wanted(lost):
            try:
                await self._begin(lost)
            except Exception as error:  # noqa: BLE001 - as the law has it
                if not isinstance(error, Trouble):
                    structlog.get_logger().error("not_renewed", what=self._name, exc_info=error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_MAX_S)

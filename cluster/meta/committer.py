"""Group commit: one thread that lands all waiting transactions in one durable write.

The law: a commit is answered only after the write that holds it is durable, and a member of a batch never
suffers for another. What arrives while a write runs makes up the next batch: with one fsync for all of them a
busy store does many times the transactions of one fsync each.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from cluster.errors import Trouble, Unavailable
from cluster.meta.engine import Broken, Conflict, WriteTransaction
from cluster.meta.validate import Changes, resolve_adds, still_true

QUEUED_BYTES_MAX: Final = 64_000_000  # keys and values waiting; above it commits wait before they queue

Land = Callable[[Sequence[Changes]], list[bool]]  # whether each one held; durable on return; raises Trouble


class _Member(NamedTuple):
    changes: Changes
    answer: "asyncio.Future[None]"


class Committer:
    """The writer's thread and the way to it. Made and used in the event loop's thread."""

    def __init__(self, land: Land, name: str) -> None:
        """`land` is called in the writer's thread with one batch."""
        self._land = land
        self._loop = asyncio.get_running_loop()
        self._gathered: list[_Member] = []  # of this turn of the loop: handed over together
        self._queue: SimpleQueue[list[_Member] | None] = SimpleQueue()
        self._queued_bytes = 0
        self._room = asyncio.Event()
        self._broken: Broken | None = None  # the writer's thread alone looks at it
        self._closing = False
        self._gone = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def commit(self, changes: Changes) -> None:
        """Land the changes, durable on return. Raises Conflict, StoreFull, Unavailable."""
        while self._queued_bytes > QUEUED_BYTES_MAX:
            self._room.clear()
            await self._room.wait()
        if self._closing:
            raise Unavailable("The store is closed.")
        answer: asyncio.Future[None] = self._loop.create_future()
        self._queued_bytes += changes.size_bytes
        self._gathered.append(_Member(changes, answer))
        if len(self._gathered) == 1:
            self._loop.call_soon(self._hand_over)
        await answer

    async def close(self) -> None:
        """Land what is queued and end the thread."""
        if not self._closing:
            self._closing = True
            self._hand_over()
            self._queue.put(None)
        await asyncio.shield(self._gone)
        self._thread.join()

    def _hand_over(self) -> None:
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []

    def _answer(self, batch: list[_Member], outcomes: list[Trouble | None]) -> None:
        for member, outcome in zip(batch, outcomes, strict=True):
            self._queued_bytes -= member.changes.size_bytes
            if member.answer.done():  # its caller was cancelled
                continue
            if outcome is None:
                member.answer.set_result(None)
            else:
                member.answer.set_exception(outcome)
        self._room.set()

    # What follows runs in the writer's thread.

    def _run(self) -> None:
        try:
            while batch := self._take():
                outcomes = self._settle(batch)
                self._loop.call_soon_threadsafe(self._answer, batch, outcomes)
            self._loop.call_soon_threadsafe(self._gone.set_result, None)
        except RuntimeError:  # the loop was closed without closing the store: nobody is left to answer
            return

    def _take(self) -> list[_Member]:
        """All that waits, at least one; empty at the end."""
        first = self._queue.get()
        if first is None:
            return []
        batch = first
        try:
            while (more := self._queue.get_nowait()) is not None:
                batch = batch + more
            self._queue.put(None)  # the end comes after this batch
        except Empty:
            pass
        return batch

    def _settle(self, batch: list[_Member]) -> list[Trouble | None]:
        if self._broken is not None:
            return self._break(self._broken, batch)
        try:
            held = self._land([member.changes for member in batch])
        except Broken as error:
            return self._break(error, batch)
        except Trouble as error:
            if len(batch) == 1:
                return [error]
            return [outcome for member in batch for outcome in self._settle([member])]
        except Exception as error:  # noqa: BLE001 - a defect here must fail its callers, not leave them waiting
            return self._break(Broken("The store has failed.", log=f"writer: {error!r}"), batch)
        return [None if ok else Conflict("Changed meanwhile; try again.") for ok in held]

    def _break(self, error: Broken, batch: list[_Member]) -> list[Trouble | None]:
        self._broken = error
        return [Broken(error.says, log=error.log) for _ in batch]


def land(transaction: WriteTransaction, batch: Sequence[Changes]) -> list[bool]:
    """Validate a batch in an open write transaction, apply what holds, commit. Whether each one held."""
    overlay, held = still_true(transaction, batch)
    if overlay:
        resolve_adds(transaction, overlay)
        transaction.apply(overlay)
        transaction.commit()
    return held

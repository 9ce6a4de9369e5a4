"""Group commit in the event loop: what waits while one commit is under way lands together in the next.

The law: a commit is answered only after the write that holds it is durable, a member never suffers for another,
and what may have landed is never tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from cluster.errors import StoreFull, Trouble, Unavailable
from cluster.meta.engine import Conflict
from cluster.meta.validate import Changes

BATCH_BYTES_MAX: Final = 16_000_000  # of one write: more would keep other processes from their turn
BATCH_MEMBERS_MAX: Final = 1000

LandAsync = Callable[[Sequence[Changes]], Awaitable[list[bool]]]  # whether each held; durable on return


class _Member(NamedTuple):
    changes: Changes
    answer: "asyncio.Future[None]"


class GroupCommit:
    """The way to one writer. Bounded by its callers: each waits for its own commit."""

    def __init__(self, land: LandAsync) -> None:
        """`land` raises StoreFull or Conflict where nothing of the batch was applied, other Trouble where unsure."""
        self._land = land
        self._waiting: list[_Member] = []
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def commit(self, changes: Changes) -> None:
        """Land the changes, durable on return. Raises Conflict, StoreFull, Unavailable."""
        if self._closing:
            raise Unavailable("The store is closed.")
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Member(changes, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="group-commit")
        await answer

    async def close(self) -> None:
        """Land what waits; later commits are refused."""
        self._closing = True
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _run(self) -> None:
        try:
            while batch := self._take():
                await self._settle(batch)
        finally:
            self._task = None

    def _take(self) -> list[_Member]:
        """The first that wait, at least one if any does."""
        size_bytes = count = 0
        for count, member in enumerate(self._waiting[:BATCH_MEMBERS_MAX], 1):  # noqa: B007 - used below
            size_bytes += member.changes.size_bytes
            if size_bytes > BATCH_BYTES_MAX:
                break
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _settle(self, batch: list[_Member]) -> None:
        try:
            held = await self._land([member.changes for member in batch])
        except StoreFull as error:
            if len(batch) == 1:
                _answer(batch, error)
            else:  # one may be too large where the others are not
                for member in batch:
                    await self._settle([member])
        except Trouble as error:
            _answer(batch, error)
        except Exception as error:  # noqa: BLE001 - a defect here must fail its callers, not leave them waiting
            _answer(batch, Unavailable("The store has failed.", log=f"commit: {error!r}"))
        else:
            for member, holds in zip(batch, held, strict=True):
                _answer([member], None if holds else Conflict("Changed meanwhile; try again."))


def _answer(batch: list[_Member], outcome: Trouble | None) -> None:
    for member in batch:
        if member.answer.done():  # answered, or its caller was cancelled
            continue
        if outcome is None:
            member.answer.set_result(None)
        else:  # an exception of its own for each: it gains a traceback where it is raised
            member.answer.set_exception(type(outcome)(outcome.says, log=outcome.log))

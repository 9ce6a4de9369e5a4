"""One slot on its way from a living shard: asks its owner to release it, and remembers which would not.

The law: one release at a time. A slot that was not released is left alone for a while, and so is its shard, so that
neither a sick slot nor a sick shard keeps the others from moving.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog

from cluster.clock import Clock
from cluster.membership.members import Member, Move
from cluster.placement.holding import RELEASE_HOLD_S
from cluster.placement.metrics import ControllerMetrics
from cluster.placement.slotmap import Assignment

SLOT_REST_S: Final = 60.0  # before a slot that was not released is asked for again
SHARD_REST_S: Final = 5.0  # before anything else is asked of that shard

Release = Callable[[Member, str, int], Awaitable[None]]
"""Asks a member to release a slot of a kind. Raises Trouble."""


class Moving:
    """One for each time of leading. `move` is the one under way, released once `released`."""

    def __init__(self, release: Release, clock: Clock, wake: Callable[[], None], metrics: ControllerMetrics) -> None:
        """`wake` is called when a release has ended, well or not."""
        self._release = release
        self._clock = clock
        self._wake = wake
        self._metrics = metrics
        self._resting_slots: dict[tuple[str, int], float] = {}  # until when
        self._resting_shards: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger()
        self.move: Move | None = None
        self.assignment: Assignment | None = None  # of the slot, when its release was asked for
        self.released = False

    def first(self, moves: Iterable[Move]) -> Move | None:
        """The first that does not rest."""
        now = self._clock.monotonic()
        self._resting_slots = {slot: until for slot, until in self._resting_slots.items() if until > now}
        self._resting_shards = {shard: until for shard, until in self._resting_shards.items() if until > now}
        for move in moves:
            if move.source not in self._resting_shards and (move.kind, move.slot) not in self._resting_slots:
                return move
        return None

    def begin(self, move: Move, assignment: Assignment | None, owner: Member) -> None:
        """Ask the owner to release the slot. Only when no move is under way."""
        self.move, self.assignment, self.released = move, assignment, False
        self._task = asyncio.create_task(self._ask(move, owner), name="release-slot")

    async def end(self) -> None:
        """Forget the move under way."""
        task, self._task = self._task, None
        self.move, self.released = None, False
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _ask(self, move: Move, owner: Member) -> None:
        try:
            async with asyncio.timeout(RELEASE_HOLD_S):
                await self._release(owner, move.kind, move.slot)
            self.released = True
        except Exception as error:  # noqa: BLE001 - also a defect had better cost one slot than all that should move
            self._log.warning("slot_not_released", kind=move.kind, slot=move.slot, shard=move.source, error=repr(error))
            self._metrics.moves.labels(move.kind, "not_released").inc()
            now = self._clock.monotonic()
            self._resting_slots[move.kind, move.slot] = now + SLOT_REST_S
            self._resting_shards[move.source] = now + SHARD_REST_S
            self.move, self._task = None, None
        finally:
            self._wake()

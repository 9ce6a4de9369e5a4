"""What a controller does while it leads: failovers at once, moves one at a time, each decided anew from what is known.

The law: nothing is remembered that decides who owns a slot; it is read from the registry, and written only where it
still stands as it was read. So a leader that was stopped and goes on can do no harm.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import structlog

from cluster.clock import Clock
from cluster.errors import Trouble
from cluster.membership.members import KINDS, ControllerState, Drain, Member, Move
from cluster.placement.grace import Grace, GraceSettings
from cluster.placement.metrics import ControllerMetrics
from cluster.placement.moving import Moving
from cluster.placement.pages import Pages
from cluster.placement.plan import Plan, plan
from cluster.placement.slotmap import SlotMap
from cluster.placement.watching import Watching

TICK_S: Final = 1.0  # what rests is looked at again, and the state published, at least so often
DEAD_MAX: Final = 50  # shards that one change fails over: with all pages of all kinds below etcd's 128 conditions
RETRY_S: Final = 0.2  # after a write that failed


class _Planned(NamedTuple):
    """A plan, and what it was made from: compared by identity."""

    slots: SlotMap
    live: Mapping[str, Member]
    drains: Mapping[str, Drain]
    plan: Plan


class Leading:
    """One for each time of leading."""

    def __init__(
        self,
        watching: Watching,
        pages: Pages,
        moving: Moving,
        clock: Clock,
        metrics: ControllerMetrics,
        grace: GraceSettings,
        name: str,
    ) -> None:
        self._watching = watching
        self._known = watching.known
        self._pages = pages
        self._moving = moving
        self._clock = clock
        self._metrics = metrics
        self._name = name
        self._since_ms = clock.now_ms()
        self._graces: dict[str, Grace] = {kind: Grace(grace) for kind in KINDS}
        self._plans: dict[str, _Planned] = {}
        self._done = 0
        self._failovers = 0
        self._trouble = ""
        self._log = structlog.get_logger()

    async def step(self) -> float:
        """Do the next thing; seconds after which to come again if nothing changes before. Never raises Trouble."""
        try:
            wait_s = await self._step()
            self._trouble = ""
            return wait_s
        except Trouble as trouble:
            self._pages.fresh = False
            self._trouble = f"{type(trouble).__name__}: {trouble.log}"[:300]
            self._log.warning("controller_in_trouble", error=trouble.log)
            # Not until something changes: what failed is asked again no faster than this.
            await asyncio.sleep(RETRY_S)
            return 0.0

    def state(self) -> ControllerState:
        """For people."""
        move = self._moving.move
        return ControllerState(
            leader=self._name,
            since_ms=self._since_ms,
            left={kind: len(each.plan.moves) for kind, each in self._plans.items() if each.plan.moves},
            done=self._done,
            failovers=self._failovers,
            moving=() if move is None else (move,),
            trouble=self._trouble,
        )

    async def _step(self) -> float:
        if not self._pages.fresh:
            await self._pages.load()
        if not 0 < self._watching.revision >= self._pages.newest:
            return TICK_S  # a map that names shards which this process has yet to hear of
        planned: dict[str, _Planned] = {kind: self._plan(kind) for kind in KINDS}
        waits = {kind: self._wait_s(kind, each) for kind, each in planned.items()}
        ready = {kind: planned[kind].plan for kind, wait_s in waits.items() if wait_s == 0}
        failovers = {kind: each.failovers for kind, each in ready.items() if each.failovers}
        if failovers:
            await self._fail_over(failovers)
            return 0.0
        if self._moving.move is not None:
            return await self._go_on(self._moving.move, planned)
        self._begin(ready)
        return min([TICK_S, *(wait_s for wait_s in waits.values() if wait_s)])

    def _plan(self, kind: str) -> _Planned:
        slots, live, drains = self._pages.maps[kind], self._known.shards.get(kind, _NOBODY), self._known.drains
        last = self._plans.get(kind)
        if last is None or last.slots is not slots or last.live is not live or last.drains is not drains:
            last = _Planned(slots, live, drains, plan(slots, kind, live, drains.keys()))
            self._plans[kind] = last
            self._metrics.left.labels(kind).set(len(last.plan.moves))
        return last

    def _wait_s(self, kind: str, planned: _Planned) -> float | None:
        assigned = (each.shard for each in planned.slots if each is not None)
        return self._graces[kind].left_s(planned.live.keys(), assigned, self._clock.monotonic())

    async def _fail_over(self, wanted: Mapping[str, Mapping[int, str]]) -> None:
        """Of some dead shards at a time, and only while they are: one that is back may own its slots again already."""
        failovers, gone = _of_some(wanted, self._pages.maps)
        lost = {
            kind: sum(self._pages.maps[kind][slot] is not None for slot in slots) for kind, slots in failovers.items()
        }
        if not await self._assign(failovers, gone):
            return
        for kind, number in lost.items():
            self._failovers += number
            self._metrics.failovers.labels(kind).inc(number)
            self._log.info("slots_assigned", kind=kind, slots=len(failovers[kind]), of_lost_shards=number)

    def _begin(self, ready: Mapping[str, Plan]) -> None:
        """Start the next move: of those that go first in their kinds, one from a node that is to be emptied."""
        firsts = [move for each in ready.values() if (move := self._moving.first(each.moves)) is not None]
        if firsts:
            move = min(
                firsts, key=lambda each: self._known.shards[each.kind][each.source].node not in self._known.drains
            )
            owner = self._known.shards[move.kind][move.source]
            self._moving.begin(move, self._pages.maps[move.kind][move.slot], owner)

    async def _go_on(self, move: Move, planned: Mapping[str, _Planned]) -> float:
        """With the move under way."""
        if self._pages.maps[move.kind][move.slot] != self._moving.assignment:
            await self._end(move, "overtaken")  # it failed over, or another leader was here
            return 0.0
        if not self._moving.released:
            return TICK_S
        # Members may have changed meanwhile. Where nothing better is left, its owner takes it up again at once.
        wished = (each.target for each in planned[move.kind].plan.moves if each.slot == move.slot)
        target = next(wished, move.source)
        moved = await self._assign({move.kind: {move.slot: target}})
        self._done += moved
        await self._end(move, "done" if moved else "conflict")
        return 0.0

    async def _end(self, move: Move, outcome: str) -> None:
        await self._moving.end()
        self._metrics.moves.labels(move.kind, outcome).inc()

    async def _assign(self, owners: Mapping[str, Mapping[int, str]], gone: Sequence[tuple[str, str]] = ()) -> bool:
        written = await self._pages.assign(owners, gone)
        if not written:
            self._metrics.conflicts.inc()
            await asyncio.sleep(RETRY_S)
        return written


_NOBODY: Final[Mapping[str, Member]] = {}


def _of_some(
    wanted: Mapping[str, Mapping[int, str]], maps: Mapping[str, SlotMap]
) -> tuple[dict[str, dict[int, str]], list[tuple[str, str]]]:
    """The failovers of slots that nobody had and of DEAD_MAX shards, and those shards: kind and name."""

    def before(kind: str, slot: int) -> tuple[str, str] | None:
        assignment = maps[kind][slot]
        return None if assignment is None else (kind, assignment.shard)

    dead = {shard for kind, slots in wanted.items() for slot in slots if (shard := before(kind, slot)) is not None}
    gone = sorted(dead)[:DEAD_MAX]
    now = {None, *gone}
    failovers = {
        kind: {slot: owner for slot, owner in slots.items() if before(kind, slot) in now}
        for kind, slots in wanted.items()
    }
    return {kind: slots for kind, slots in failovers.items() if slots}, gone

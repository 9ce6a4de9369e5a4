"""Keeps the processes as they are wanted: a part of the controller that leads.

The law: Ray being away stops only this; each round begins from what there is, so none depends on the one before. Ray's
calls block, so they are made in a thread of their own, one at a time.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

import msgspec
import structlog

from cluster.clock import Clock
from cluster.errors import Trouble, Unavailable
from cluster.hosting.ray.fleet import Fleet
from cluster.hosting.ray.place import CONTROLLER, CONTROLLERS, Boot, Name, parse
from cluster.hosting.ray.plan import Plan, plan
from cluster.membership.members import Drain, Layout
from cluster.membership.registry import CHANGES_MAX, Registry
from cluster.placement.known import Known

ROUND_S: Final = 2.0  # the delay of what people and Ray change; a round costs some ms
RETIRE_S_MAX: Final = 90.0  # then a process that was to go is ended
# A name that is taken while nobody announces it. Ray can lose the making of a process whose maker and control service
# die at once; one that is slow or fails again and again still answers, and is left alone.
SILENT_S: Final = 60.0
APART_S: Final = 5.0  # how often it is looked whether controllers share a node
BY: Final = "supervisor"  # who asked for a shard to be emptied

T = TypeVar("T")


class Supervisor:
    """One in each controller."""

    def __init__(
        self,
        fleet: Fleet,
        known: Known,
        registry: Registry,
        layout: Layout,
        clock: Clock,
        boot: Callable[[Name], Boot],
    ) -> None:
        """`known`: complete already, and kept current by its owner. `boot`: how a process of this name starts."""
        self._fleet = fleet
        self._known = known
        self._registry = registry
        self._layout = layout
        self._clock = clock
        self._boot = boot
        self._retiring: dict[str, float] = {}  # since when
        self._silent: dict[str, float] = {}  # since when
        self._look_at = 0.0  # when it is next asked where controllers are
        self._log = structlog.get_logger()
        self._troubled = ""

    async def run(self) -> None:
        """Rounds until cancelled: while its controller leads. Two that believe to lead do the same, which is harmless:
        a name is taken once."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="ray")
        try:
            while True:
                try:
                    await self.round(thread)
                    self._troubled = ""
                except Trouble as trouble:
                    if trouble.log != self._troubled:  # once, not every round of an outage
                        self._log.warning("supervisor_waits", error=trouble.log)
                    self._troubled = trouble.log
                await asyncio.sleep(ROUND_S)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    async def round(self, thread: ThreadPoolExecutor) -> Plan:
        """Look, compare, and do. Raises Unavailable."""
        nodes, actors = await _ask(thread, self._fleet.nodes), await _ask(thread, self._fleet.actors)
        known, homes = self._known, await self._homes(actors, thread)
        leader = known.leader.name if known.leader is not None else ""
        todo = plan(known.wanted, nodes, actors, known.drains.keys(), self._slots_of(), homes, leader)
        for new, node in todo.create:
            self._log.info("process_created", process=str(new))
            await _ask(thread, self._fleet.create, self._boot(new), node)
        await self._empty(todo, actors)
        # One that has been told to leave cannot stay, though it be wanted again: the next round makes it anew.
        leaving = [*todo.remove, *(name for name in self._retiring if name in actors and name not in todo.remove)]
        for name in leaving:
            await self._remove(name, thread)
        await self._mend(actors - set(leaving), {node.name for node in nodes}, thread)
        self._retiring = {name: since for name, since in self._retiring.items() if name in leaving}
        return todo

    async def _homes(self, actors: set[str], thread: ThreadPoolExecutor) -> dict[str, str]:
        """The controllers' nodes, of those that answer: now and then, and where one is missing; else nothing."""
        there = [name for name, each in ((name, parse(name)) for name in actors) if each and each.role == CONTROLLER]
        now, homes = self._clock.monotonic(), dict[str, str]()
        if len(there) == CONTROLLERS and now < self._look_at:
            return homes
        self._look_at = now + APART_S
        for name in there:
            with suppress(Unavailable):
                homes[name] = await _ask(thread, self._fleet.home, name)
        return homes

    async def _remove(self, name: str, thread: ThreadPoolExecutor) -> None:
        since = self._retiring.setdefault(name, self._clock.monotonic())
        try:
            done = await _ask(thread, self._fleet.retire, name)
        except Unavailable:
            done = False
        if done or self._clock.monotonic() - since > RETIRE_S_MAX:
            self._log.info("process_removed", process=name, drained=done)
            await _ask(thread, self._fleet.remove, name)

    async def _mend(self, actors: set[str], nodes: set[str], thread: ThreadPoolExecutor) -> None:
        """Remove what has a name but is not there; the next round makes it anew."""
        now = self._clock.monotonic()
        there = {name for members in self._known.shards.values() for name in members} | self._known.gateways.keys()
        if self._known.leader is not None:
            there.add(self._known.leader.name)  # the controllers that wait announce nothing: they are asked
        parsed = {name: parse(name) for name in actors - there}
        silent = {name for name, each in parsed.items() if each is not None and (each.node in nodes or not each.node)}
        self._silent = {name: self._silent.get(name, now) for name in silent}
        for name in sorted(name for name, since in self._silent.items() if now - since > SILENT_S):
            try:
                await _ask(thread, self._fleet.ping, name)
            except Unavailable:
                self._log.warning("process_lost", process=name)
                await _ask(thread, self._fleet.remove, name)

    async def _empty(self, todo: Plan, actors: set[str]) -> None:
        """Ask the placement to empty surplus shards, and forget it of those that are gone or wanted again."""
        asked = {name for name, drain in self._known.drains.items() if drain.by == BY}
        wish = msgspec.json.encode(Drain(BY, self._clock.now_ms()))
        begin = [name for name in todo.empty if name not in asked][: CHANGES_MAX // 2]  # the rest in the next rounds
        surplus = {*todo.empty, *todo.remove} & actors
        end = [name for name in sorted(asked) if name not in surplus][: CHANGES_MAX // 2]
        puts = {f"{self._layout.drains}{name}": wish for name in begin}
        deletes = [f"{self._layout.drains}{name}" for name in end]
        if puts or deletes:
            await self._registry.change(puts, deletes=deletes)

    def _slots_of(self) -> Callable[[str], int]:
        counts: dict[str, int] = {}
        for slots in self._known.slots.values():
            for assignment in slots:
                if assignment is not None:
                    counts[assignment.shard] = counts.get(assignment.shard, 0) + 1
        return lambda name: counts.get(name, 0)


async def _ask(thread: ThreadPoolExecutor, call: Callable[..., T], *arguments: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, call, *arguments)

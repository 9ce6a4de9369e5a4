"""The cluster for operators: what the registry says, as one answer; and wishes, put where the controller reads them.

The law: nothing is done here but to say what is wanted; the controller does it, and the state tells how far it is.
"""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NamedTuple

import grpc
import msgspec

from actors.directory.client import DirectoryClient
from actors.mailbox.keys import slot_of
from cluster.clock import Clock
from cluster.errors import NotFound, Unavailable
from cluster.hosting.ray.supervisor import BY as SUPERVISOR
from cluster.membership.members import KINDS, Drain, Layout, Levels, Member, Wanted
from cluster.membership.registry import Compare, Registry
from cluster.observe.logs import LEVELS
from cluster.placement.known import Known
from cluster.placement.slots import SLOTS
from cluster.placement.watching import Watching
from ops.admin.directory import Unclear
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
WATCH_EVERY_S: Final = 0.2  # people see no more, and a move changes the registry some fifty times a second
PROCESSES_MAX: Final = 64  # of a kind, on a node
TRIES: Final = 5  # of a wish that another operator changed meanwhile


class ClusterParts(NamedTuple):
    """What a process of a cluster has, besides a Core."""

    name: str
    registry: Registry
    layout: Layout
    watching: Watching


class ClusterService(admin_pb2_grpc.ClusterServicer):
    """The calls of rookery.admin.v1.Cluster, as the schema tells them."""

    def __init__(self, parts: ClusterParts, directory: DirectoryClient, clock: Clock) -> None:
        self._parts = parts
        self._directory = directory
        self._clock = clock

    async def GetCluster(self, request: pb.GetClusterRequest, context: Context) -> pb.ClusterState:
        """As this process knows it."""
        return self._state()

    async def WatchCluster(self, request: pb.GetClusterRequest, context: Context) -> AsyncIterator[pb.ClusterState]:
        """Now, and after changes."""
        changed = asyncio.Event()
        forget = self._parts.watching.on_change(changed.set)
        try:
            while True:
                yield self._state()
                await changed.wait()
                await asyncio.sleep(WATCH_EVERY_S)
                changed.clear()
        finally:
            forget()

    async def ListSlots(self, request: pb.ListSlotsRequest, context: Context) -> AsyncIterator[pb.Slot]:
        """All slots of a kind, those of a shard, or the one of an account."""
        kind, known = request.kind or "mailbox", self._parts.watching.known
        if kind not in KINDS:
            raise Unclear(f"There is no kind {kind!r}; there are {', '.join(KINDS)}.")
        wanted = range(SLOTS)
        if request.login:
            account = (await self._directory.get_account(request.login)).id
            kind, slot = "mailbox", slot_of(account)
            wanted = range(slot, slot + 1)
        slots = known.slots.get(kind)
        for slot in wanted:
            assignment = slots[slot] if slots is not None else None
            shard = assignment.shard if assignment is not None else ""
            if not request.shard or shard == request.shard:
                epoch = assignment.epoch if assignment is not None else 0
                yield pb.Slot(kind=kind, slot=slot, shard=shard, epoch=epoch, alive=known.owner(kind, slot) is not None)

    async def DrainNode(self, request: pb.DrainNodeRequest, context: Context) -> pb.ClusterState:
        """Ask for a node to be emptied."""
        if request.node not in _nodes(self._parts.watching.known):
            raise NotFound(f"There is no node {request.node}: `rookery status` lists them.")
        key = f"{self._parts.layout.drains}{request.node}"
        if await self._parts.registry.get(key) is None:
            drain = Drain("operator", self._clock.now_ms())
            await self._parts.registry.change({key: msgspec.json.encode(drain)})
        return self._state()

    async def UndrainNode(self, request: pb.UndrainNodeRequest, context: Context) -> pb.ClusterState:
        """Take it back."""
        await self._parts.registry.change({}, deletes=[f"{self._parts.layout.drains}{request.node}"])
        return self._state()

    async def Scale(self, request: pb.ScaleRequest, context: Context) -> pb.ClusterState:
        """Say how many are wanted."""
        for kind, count in request.wanted.items():
            if kind not in Wanted.__struct_fields__ or count > PROCESSES_MAX:
                kinds = ", ".join(Wanted.__struct_fields__)
                raise Unclear(f"{kind}={count} cannot be wanted: up to {PROCESSES_MAX} a node of {kinds}.")
        key = self._parts.layout.wanted
        for _ in range(TRIES):
            entry = await self._parts.registry.get(key)
            before = msgspec.json.decode(entry.value, type=Wanted) if entry is not None else Wanted()
            after = msgspec.structs.replace(before, **request.wanted)
            when = [Compare(key, entry.revision if entry is not None else 0)]
            if await self._parts.registry.change({key: msgspec.json.encode(after)}, when=when) is not None:
                return self._state()
        raise Unavailable("Others change this at the same time; try again.")

    async def SetLogLevel(self, request: pb.SetLogLevelRequest, context: Context) -> pb.ClusterState:
        """For all, which ends what was set for single nodes; or for one."""
        if request.level and request.level not in LEVELS:
            raise Unclear(f"There is no log level {request.level!r}; there are {', '.join(LEVELS)}.")
        levels = self._parts.watching.known.levels
        if request.node:
            nodes = {node: level for node, level in levels.nodes.items() if node != request.node}
            levels = Levels(levels.level, nodes | ({request.node: request.level} if request.level else {}))
        else:
            levels = Levels(request.level)
        await self._parts.registry.change({self._parts.layout.loglevel: msgspec.json.encode(levels)})
        return self._state()

    def _state(self) -> pb.ClusterState:
        return state_of(self._parts.watching.known, self._parts.name, self._clock.now_ms())


def state_of(known: Known, name: str, now_ms: int) -> pb.ClusterState:
    """All that is known, for people."""
    slots, unowned = _counted(known)
    state = known.controller
    processes = [_process(member, slots[member.kind, member.name]) for member in _members(known)]
    return pb.ClusterState(
        name=name,
        at_ms=now_ms,
        nodes=[_node(node, known, processes) for node in _nodes(known)],
        processes=processes,
        kinds=[
            pb.KindState(
                kind=kind,
                wanted=getattr(known.wanted, kind),
                shards=len(known.shards.get(kind, {})),
                unowned=unowned[kind],
                moves_left=state.left.get(kind, 0),
            )
            for kind in KINDS
        ],
        leader=known.leader.name if known.leader is not None else "",
        trouble=state.trouble,
        moving=[pb.SlotMove(**msgspec.structs.asdict(move)) for move in state.moving],
        moves_done=state.done,
        failovers=state.failovers,
        log_level=known.levels.level,
        log_levels=known.levels.nodes,
    )


def _members(known: Known) -> list[Member]:
    shards = [member for members in known.shards.values() for member in members.values()]
    return sorted([*shards, *known.gateways.values()], key=lambda member: (member.node, member.kind, member.name))


def _nodes(known: Known) -> list[str]:
    # The supervisor drains single shards in the same way, by their names.
    drained = {name for name, drain in known.drains.items() if drain.by != SUPERVISOR}
    return sorted({member.node for member in _members(known)} | drained)


def _counted(known: Known) -> tuple[Mapping[tuple[str, str], int], Mapping[str, int]]:
    """Slots by kind and shard; slots that nobody alive owns, by kind."""
    counts: Counter[tuple[str, str]] = Counter()
    unowned: Counter[str] = Counter()
    for kind in KINDS:
        live = known.shards.get(kind, {})
        for assignment in known.slots.get(kind, (None,) * SLOTS):
            if assignment is None or assignment.shard not in live:
                unowned[kind] += 1
            else:
                counts[kind, assignment.shard] += 1
    return counts, unowned


def _node(name: str, known: Known, processes: list[pb.Process]) -> pb.Node:
    mine = [process for process in processes if process.node == name]
    drain = known.drains.get(name)
    return pb.Node(
        name=name,
        draining=drain is not None,
        drained_by=drain.by if drain is not None else "",
        drained_ms=drain.at_ms if drain is not None else 0,
        processes=len(mine),
        slots=sum(process.slots for process in mine),
    )


def _process(member: Member, slots: int) -> pb.Process:
    return pb.Process(
        name=member.name,
        kind=member.kind,
        node=member.node,
        address=member.address,
        metrics=member.metrics,
        slots=slots,
        incarnation=member.incarnation,
        speaks=member.speaks,
        process=member.process,
        started_ms=member.started_ms,
    )

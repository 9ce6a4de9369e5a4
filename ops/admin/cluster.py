"""The cluster for operators: what the registry says, as one answer; and wishes, put where the controller reads them.

The law: nothing is done here but to say what is wanted; the controller does it, and the state tells how far it is.
"""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

import grpc

from actors.directory.client import DirectoryClient
from actors.mailbox.keys import slot_of
from cluster.clock import Clock
from cluster.membership.members import KINDS, Layout, Wanted
from cluster.membership.registry import Registry
from cluster.observe.logs import LEVELS
from cluster.placement.slots import SLOTS
from cluster.placement.watching import Watching
from ops.admin.directory import Unclear
from ops.cluster.operations import drain, scale, set_level, undrain
from ops.cluster.picture import picture
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
WATCH_EVERY_S: Final = 0.2  # people see no more, and a move changes the registry some fifty times a second
PROCESSES_MAX: Final = 64  # of a kind, on a node
OPERATOR: Final = "operator"  # who wants a node to be emptied; the record of changes says which


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
        """Ask for a node to be emptied; the answer is how it was before."""
        before = await drain(self._parts.registry, self._parts.layout, request.node, OPERATOR, self._clock)
        return picture(before, self._parts.name, self._clock.now_ms())

    async def UndrainNode(self, request: pb.UndrainNodeRequest, context: Context) -> pb.ClusterState:
        """Take it back."""
        await undrain(self._parts.registry, self._parts.layout, request.node)
        return self._state()

    async def Scale(self, request: pb.ScaleRequest, context: Context) -> pb.ClusterState:
        """Say how many are wanted."""
        for kind, count in request.wanted.items():
            if kind not in Wanted.__struct_fields__ or count > PROCESSES_MAX:
                kinds = ", ".join(Wanted.__struct_fields__)
                raise Unclear(f"{kind}={count} cannot be wanted: up to {PROCESSES_MAX} a node of {kinds}.")
            if kind in KINDS and not count:
                raise Unclear(
                    f"{kind}=0 would leave its slots to nobody: at least 1. `rookery drain` empties one node, "
                    "`rookery down` stops them all."
                )
        await scale(self._parts.registry, self._parts.layout, dict(request.wanted))
        return self._state()

    async def SetLogLevel(self, request: pb.SetLogLevelRequest, context: Context) -> pb.ClusterState:
        """For all, which ends what was set for single nodes; or for one."""
        if request.level and request.level not in LEVELS:
            raise Unclear(f"There is no log level {request.level!r}; there are {', '.join(LEVELS)}.")
        await set_level(self._parts.registry, self._parts.layout, request.level, request.node)
        return self._state()

    def _state(self) -> pb.ClusterState:
        return picture(self._parts.watching.known, self._parts.name, self._clock.now_ms())

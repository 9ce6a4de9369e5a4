"""A cluster as people see it, and how far it is from what was asked of it. Pure: read from the registry alone.

The law: what Ray knows is not needed here, so a status is told while Ray's head is down.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from msgspec import Struct

from cluster.hosting.ray.place import GATEWAY, Name
from cluster.membership.members import KINDS, Member, Wanted
from cluster.placement.known import Known
from cluster.placement.slots import SLOTS


class Process(Struct, frozen=True):
    """A process that has announced itself. `slots`: those it owns."""

    name: str
    kind: str
    address: str
    slots: int
    pid: int
    started_ms: int
    metrics: str


class Node(Struct, frozen=True):
    """A node with its processes. `draining`: it is to be emptied."""

    name: str
    draining: bool
    processes: tuple[Process, ...]

    @property
    def slots(self) -> Mapping[str, int]:
        """How many of each kind its shards own."""
        return {kind: sum(each.slots for each in self.processes if each.kind == kind) for kind in KINDS}


class Picture(Struct, frozen=True):
    """`unowned`: slots of each kind that no living shard owns. `left`: moves still to be made. `leader`: the name of
    the controller, empty while there is none."""

    nodes: tuple[Node, ...]
    wanted: Wanted
    leader: str
    left: Mapping[str, int]
    unowned: Mapping[str, int]
    failovers: int
    trouble: str


class Progress(NamedTuple):
    """`done` of `total`, and what is waited for; over when they are equal."""

    done: int
    total: int
    what: str

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.done >= self.total


def picture(known: Known) -> Picture:
    """All that there is."""
    owned = _owned(known)
    members = _members(known)
    names = sorted({each.node for each in members} | {name for name in known.drains if name not in owned})
    nodes = tuple(
        Node(name, name in known.drains, tuple(_process(each, owned) for each in members if each.node == name))
        for name in names
        if any(each.node == name for each in members) or not _is_process(name)
    )
    return Picture(
        nodes,
        known.wanted,
        known.leader.name if known.leader else "",
        known.controller.left,
        {kind: SLOTS - sum(owned.get(each.name, 0) for each in members if each.kind == kind) for kind in KINDS},
        known.controller.failovers,
        known.controller.trouble,
    )


def starting(known: Known, names: Collection[str]) -> Progress:
    """Until all these processes have announced themselves and every slot is owned (of kinds that are wanted)."""
    there = {each.name for each in _members(known)}
    now = picture(known)
    kinds = [kind for kind in KINDS if any(name.startswith(f"{kind}-") for name in names)]
    missing = sorted(set(names) - there)
    owned = sum(SLOTS - now.unowned[kind] for kind in kinds)
    # Slots count as much as one process for each kind, or they would hide the processes.
    done = len(names) - len(missing) + owned // SLOTS
    what = f"processes: {', '.join(missing[:3])}" if missing else "owners of slots"
    return Progress(done, len(names) + len(kinds), what)


def scaling(known: Known, changed: Collection[str]) -> Progress:
    """Until every node that has such processes, and is not to be emptied, has as many as are wanted."""
    done = total = 0
    members = [each for each in _members(known) if each.node not in known.drains]
    shards = {each.node for each in members if each.kind != GATEWAY}
    gates = {each.node for each in members if each.kind == GATEWAY}
    for kind in changed:
        want = int(getattr(known.wanted, kind))
        for node in (gates or shards) if kind == GATEWAY else shards:
            have = sum(each.node == node and each.kind == kind for each in members)
            done, total = done + max(0, want - abs(have - want)), total + max(want, 1)
            done += 1 if want == have == 0 else 0
    return Progress(done, total, "processes")


def draining(known: Known, node: str, most: int) -> Progress:
    """Until nothing is on the node. `most`: slots and processes that it had at first (`weight_of`)."""
    left = weight_of(known, node)
    return Progress(max(most - left, 0), max(most, 1) if left else max(most, 0), "slots and processes")


def weight_of(known: Known, node: str) -> int:
    """Slots and processes on a node."""
    owned = _owned(known)
    here = [each for each in _members(known) if each.node == node]
    return len(here) + sum(owned.get(each.name, 0) for each in here)


def balancing(known: Known, most: int) -> Progress:
    """Until the controller has no moves left. `most`: the moves that there were at first."""
    left = sum(known.controller.left.values())
    if known.leader is None:
        return Progress(0, max(most, 1), "a controller")
    return Progress(max(most - left, 0), max(most, left), "moves")


def _owned(known: Known) -> dict[str, int]:
    """How many slots each name owns."""
    counts: dict[str, int] = {}
    for slots in known.slots.values():
        for assignment in slots:
            if assignment is not None:
                counts[assignment.shard] = counts.get(assignment.shard, 0) + 1
    return counts


def _members(known: Known) -> list[Member]:
    shards = (member for kind in KINDS for member in known.shards.get(kind, {}).values())
    leader = [known.leader] if known.leader else []
    every = (*shards, *known.gateways.values(), *leader)
    return sorted(every, key=lambda each: (each.node, each.kind, each.name))


def _process(member: Member, owned: Mapping[str, int]) -> Process:
    return Process(
        member.name,
        member.kind,
        member.address,
        owned.get(member.name, 0) if member.kind in KINDS else 0,
        member.process,
        member.started_ms,
        member.metrics,
    )


def _is_process(name: str) -> bool:
    """Whether a drain's name is a shard's that the supervisor wants empty."""
    return any(name.startswith(f"{kind}-") for kind in KINDS)


def names_of(counts: Mapping[tuple[str, str], int]) -> list[str]:
    """The names of so many processes, by role and node."""
    return [str(Name(role, node, i)) for (role, node), count in counts.items() for i in range(1, count + 1)]

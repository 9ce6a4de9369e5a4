"""How far a cluster is from what was asked of it. Pure: from what the admin service tells of it.

The law: it is over when it is so, not when it was asked for.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from cluster.hosting.ray.place import GATEWAY, Name
from cluster.membership.members import KINDS
from cluster.placement.slots import SLOTS
from wire import admin_pb2 as pb


class Progress(NamedTuple):
    """`done` of `total`, and what is waited for; over when they are equal."""

    done: int
    total: int
    what: str

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.done >= self.total


Measure = Callable[[pb.ClusterState], Progress]


def starting(state: pb.ClusterState, names: Collection[str]) -> Progress:
    """Until all these processes have announced themselves and every slot is owned (of kinds that are wanted)."""
    missing = sorted(set(names) - {each.name for each in state.processes})
    kinds = [each for each in state.kinds if any(name.startswith(f"{each.kind}-") for name in names)]
    owned = sum(SLOTS - each.unowned for each in kinds)
    # Slots count as much as one process for each kind, or they would hide the processes.
    done = len(names) - len(missing) + owned // SLOTS
    what = f"processes: {', '.join(missing[:3])}" if missing else "owners of slots"
    return Progress(done, len(names) + len(kinds), what)


def scaling(state: pb.ClusterState, wanted: Mapping[str, int]) -> Progress:
    """Until every node that has such processes, and is not to be emptied, has as many as are wanted."""
    drains = {node.name for node in state.nodes if node.draining}
    members = [each for each in state.processes if each.node not in drains]
    shards = {each.node for each in members if each.kind in KINDS}
    gates = {each.node for each in members if each.kind == GATEWAY}
    done = total = 0
    for kind, want in wanted.items():
        for node in (gates or shards) if kind == GATEWAY else shards:
            have = sum(each.node == node and each.kind == kind for each in members)
            done, total = done + min(want, have), total + max(want, have)
    return Progress(done, total, "processes")


def draining(state: pb.ClusterState, node: str, most: int) -> Progress:
    """Until nothing is on the node. `most`: slots and processes that it had at first (`weight_of`)."""
    left = weight_of(state, node)
    return Progress(max(most - left, 0), max(most, left), "slots and processes")


def weight_of(state: pb.ClusterState, node: str) -> int:
    """Slots and processes on a node; a controller does not count, since it belongs to none."""
    return sum(each.slots + 1 for each in state.processes if each.node == node and each.kind in (*KINDS, GATEWAY))


def balancing(state: pb.ClusterState, most: int) -> Progress:
    """Until the controller has no moves left. `most`: the moves that there were at first (`moves_left`)."""
    if not state.leader:
        return Progress(0, max(most, 1), "a controller")
    left = moves_left(state)
    return Progress(max(most - left, 0), max(most, left), "moves")


def moves_left(state: pb.ClusterState) -> int:
    """Of all kinds."""
    return sum(kind.moves_left for kind in state.kinds)


def names_of(counts: Mapping[tuple[str, str], int]) -> list[str]:
    """The names of so many processes, by role and node."""
    return [str(Name(role, node, i)) for (role, node), count in counts.items() for i in range(1, count + 1)]

"""Which processes should be made and which should go, from what is wanted and what there is. Pure.

The law: a shard goes only when it owns no slot; until then it is to be emptied. A process on a node that is not there
is neither made nor removed: its slots are taken over by others, and it starts again when its node is back. Controllers
are on nodes apart, or one node that is cut off would leave nobody to lead.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from cluster.hosting.ray.place import CONTROLLER, CONTROLLERS, GATEWAY, Name, parse
from cluster.membership.members import KINDS, Wanted


class RayNode(NamedTuple):
    """A node that lives, as Ray tells. `gateways`, `shards`: at most so many (of each kind); None: undeclared."""

    name: str
    id: str
    gateways: int | None = None
    shards: int | None = None


class Plan(NamedTuple):
    """`create`: with the ids of their nodes. `empty`: shards that still own slots. `remove`: those that may go."""

    create: Sequence[tuple[Name, str]]
    empty: Sequence[str]
    remove: Sequence[str]


def plan(
    wanted: Wanted,
    nodes: Sequence[RayNode],
    actors: Collection[str],
    drains: Collection[str],
    slots_of: Callable[[str], int],
    homes: Mapping[str, str] = {},
    leader: str = "",
) -> Plan:
    """`actors`: the names that Ray has; `drains`: nodes to be emptied; `slots_of`: how many slots a shard owns;
    `homes`: the ids of the nodes that controllers run on, where that was asked; `leader`: the one that leads."""
    ids = {node.name: node.id for node in nodes}
    counts = counts_of(wanted, nodes, drains)
    should = {str(Name(role, node, i)) for (role, node), count in counts.items() for i in range(1, count + 1)}
    surplus = [
        str(name)
        for name in map(parse, sorted(actors))
        if name is not None and name.node in ids and name.role in (*KINDS, GATEWAY) and str(name) not in should
    ]
    empty = [name for name in surplus if slots_of(name)]
    create = [(name, ids[name.node]) for name in map(parse, sorted(should - set(actors))) if name is not None]
    remove = [name for name in surplus if name not in empty]
    makes = [*_controllers(nodes, actors, drains, homes.values()), *create]
    return Plan(makes, empty, [*remove, *_crowded(nodes, drains, homes, leader)])


def counts_of(wanted: Wanted, nodes: Sequence[RayNode], drains: Collection[str]) -> Mapping[tuple[str, str], int]:
    """How many of each role each node should have. Where no node declares what it may have, each may have all."""
    gates = any(node.gateways for node in nodes)
    shards = any(node.shards for node in nodes)
    counts: dict[tuple[str, str], int] = {}
    for node in nodes:
        if node.name in drains:
            continue
        counts[GATEWAY, node.name] = min(wanted.gateway, (node.gateways or 0) if gates else wanted.gateway)
        for kind in KINDS:
            want = int(getattr(wanted, kind))
            counts[kind, node.name] = min(want, (node.shards or 0) if shards else want)
    return counts


def _controllers(
    nodes: Sequence[RayNode], actors: Collection[str], drains: Collection[str], taken: Collection[str]
) -> Sequence[tuple[Name, str]]:
    """Those that are missing, each on another node."""
    homes = [node for node in nodes if node.name not in drains] or list(nodes)
    homes = [node for node in homes if node.id not in taken] or homes
    names = [Name(CONTROLLER, "", number) for number in range(1, CONTROLLERS + 1)]
    return [(name, homes[at % len(homes)].id) for at, name in enumerate(names) if homes and str(name) not in actors]


def _crowded(nodes: Sequence[RayNode], drains: Collection[str], homes: Mapping[str, str], leader: str) -> Sequence[str]:
    """A controller that shares its node with another, where there is one without: Ray starts those of a node that is
    gone wherever it likes. The one that leads stays."""
    if {node.id for node in nodes if node.name not in drains} <= set(homes.values()):
        return ()
    seen = {homes.get(leader)}
    for name in sorted(homes.keys() - {leader}):
        if homes[name] in seen:
            return (name,)
        seen.add(homes[name])
    return ()

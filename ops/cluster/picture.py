"""A cluster as people see it: what the registry says, as the message that the admin service answers with. Pure.

The law: what Ray knows is not needed here, so a status is told while Ray's head is down.
"""

from collections import Counter
from collections.abc import Mapping

import msgspec

from cluster.hosting.ray.supervisor import BY as SUPERVISOR
from cluster.membership.members import KINDS, Member
from cluster.placement.known import Known
from cluster.placement.slots import SLOTS
from wire import admin_pb2 as pb


def picture(known: Known, name: str = "", now_ms: int = 0) -> pb.ClusterState:
    """All that is known. `name`: the cluster's; `now_ms`: when it was so."""
    slots, unowned = _counted(known)
    state = known.controller
    processes = [_process(member, slots[member.kind, member.name]) for member in members(known)]
    return pb.ClusterState(
        name=name,
        at_ms=now_ms,
        nodes=[_node(node, known, processes) for node in nodes(known)],
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


def members(known: Known) -> list[Member]:
    """All that have announced themselves, and the controller that leads, by node."""
    shards = [member for kind in known.shards.values() for member in kind.values()]
    leader = [known.leader] if known.leader is not None else []
    return sorted(
        [*shards, *known.gateways.values(), *leader], key=lambda member: (member.node, member.kind, member.name)
    )


def nodes(known: Known) -> list[str]:
    """The names of all there are."""
    # The supervisor drains single shards in the same way, by their names.
    drained = {name for name, drain in known.drains.items() if drain.by != SUPERVISOR}
    return sorted({member.node for member in members(known)} | drained)


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

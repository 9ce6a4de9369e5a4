"""What the controller should do next with one kind's map: who takes over from the dead, and which slots should move.

The law: a slot whose shard lives is never failed over, only moved; what has nowhere better to go stays. Pure: the same
map and members give the same plan, and one that was carried out is followed by an empty one.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from cluster.membership.members import Member, Move
from cluster.placement.rendezvous import ideal
from cluster.placement.slotmap import SlotMap


class Plan(NamedTuple):
    """`failovers`: new owners by slot, to be written at once. `moves`: in the order to be made, one at a time."""

    failovers: Mapping[int, str]
    moves: tuple[Move, ...]


def plan(slots: SlotMap, kind: str, live: Mapping[str, Member], draining: Collection[str]) -> Plan:
    """`live`: the members of this kind that hold their lease, by name; `draining`: nodes to be emptied.

    A shard of weight 0 takes no slots, like one on a draining node. While there is no other, slots stay where they
    are, and those of the dead go to whoever lives.
    """
    willing = {name: each.weight for name, each in live.items() if each.weight > 0 and each.node not in draining}
    homes = ideal(willing or dict.fromkeys(live, 1.0))
    if not homes:
        return Plan({}, ())
    failovers: dict[int, str] = {}
    leaving: list[Move] = []
    balancing: list[Move] = []
    for slot, (now, home) in enumerate(zip(slots, homes, strict=True)):
        if now is None or now.shard not in live:
            failovers[slot] = home
        elif now.shard != home and willing:
            moves = balancing if now.shard in willing else leaving
            moves.append(Move(kind, slot, now.shard, home))
    return Plan(failovers, (*leaving, *balancing))

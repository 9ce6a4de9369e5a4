"""What people see."""

import msgspec

from cluster.membership.members import ControllerState, Drain, Member, Wanted
from ops.cluster.operations import look
from ops.cluster.picture import balancing, names_of, picture, scaling, starting
from tests.unit.ops.cluster.conftest import LAYOUT, World


async def test_an_empty_registry_is_an_empty_cluster(world: World) -> None:
    found = picture(await look(world.registry, LAYOUT))
    assert (found.nodes, found.leader) == ((), "")
    assert found.unowned == dict.fromkeys(("mailbox", "queue", "reputation", "greylist"), 4096)


async def test_nodes_have_their_processes_and_slots(world: World) -> None:
    await world.announce("mailbox-a-1", "gateway-a-1", "queue-b-1")
    await world.own("mailbox", "mailbox-a-1")
    leader = Member(name="controller-1", kind="controller", node="b")
    await world.registry.change(
        {
            f"{LAYOUT.drains}b": msgspec.json.encode(Drain("ann", 1)),
            f"{LAYOUT.drains}mailbox-a-9": msgspec.json.encode(Drain("supervisor", 1)),
            LAYOUT.leader: msgspec.json.encode(leader),
        }
    )
    found = picture(await look(world.registry, LAYOUT))
    assert [(node.name, node.draining, [each.name for each in node.processes]) for node in found.nodes] == [
        ("a", False, ["gateway-a-1", "mailbox-a-1"]),
        ("b", True, ["controller-1", "queue-b-1"]),
    ]
    assert found.nodes[0].slots["mailbox"] == 4096
    assert (found.leader, found.unowned["mailbox"], found.unowned["queue"]) == ("controller-1", 0, 4096)


async def test_a_start_is_over_when_all_are_there_and_all_is_owned(world: World) -> None:
    names = names_of({("mailbox", "a"): 1, ("gateway", "a"): 1})
    assert not starting(await look(world.registry, LAYOUT), names).over
    await world.announce("mailbox-a-1", "gateway-a-1")
    now = starting(await look(world.registry, LAYOUT), names)
    assert (now.over, now.what) == (False, "owners of slots")
    await world.own("mailbox", "mailbox-a-1")
    assert starting(await look(world.registry, LAYOUT), names).over


async def test_slots_of_the_dead_have_no_owner(world: World) -> None:
    await world.own("mailbox", "mailbox-a-1")
    assert picture(await look(world.registry, LAYOUT)).unowned["mailbox"] == 4096


async def test_scaling_is_over_when_each_node_has_so_many(world: World) -> None:
    await world.announce("mailbox-a-1", "mailbox-b-1", "mailbox-b-2")
    await world.registry.change({LAYOUT.wanted: msgspec.json.encode(Wanted(mailbox=2))})
    assert not scaling(await look(world.registry, LAYOUT), ["mailbox"]).over
    await world.announce("mailbox-a-2")
    assert scaling(await look(world.registry, LAYOUT), ["mailbox"]).over
    await world.announce("mailbox-a-3")
    assert not scaling(await look(world.registry, LAYOUT), ["mailbox"]).over


async def test_balance_needs_a_controller_and_no_moves(world: World) -> None:
    assert not balancing(await look(world.registry, LAYOUT), 0).over
    leader = Member(name="controller-1", kind="controller", node="b")
    state = ControllerState(leader="controller-1", left={"mailbox": 5})
    await world.registry.change(
        {LAYOUT.leader: msgspec.json.encode(leader), LAYOUT.controller: msgspec.json.encode(state)}
    )
    assert balancing(await look(world.registry, LAYOUT), 8)[:2] == (3, 8)
    await world.registry.change({LAYOUT.controller: msgspec.json.encode(ControllerState(leader="controller-1"))})
    assert balancing(await look(world.registry, LAYOUT), 8).over

"""What people see of a cluster."""

import msgspec

from cluster.membership.members import Drain, Member
from ops.cluster.operations import look
from ops.cluster.picture import picture
from tests.unit.ops.cluster.conftest import LAYOUT, World
from wire import admin_pb2 as pb


async def state(world: World) -> pb.ClusterState:
    return picture(await look(world.registry, LAYOUT), "test", 1)


async def test_an_empty_registry_is_an_empty_cluster(world: World) -> None:
    found = await state(world)
    assert (list(found.nodes), found.leader, found.name) == ([], "", "test")
    assert {kind.kind: kind.unowned for kind in found.kinds} == dict.fromkeys(
        ("mailbox", "queue", "reputation", "greylist", "throttle"), 4096
    )


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
    found = await state(world)
    assert [(node.name, node.draining, node.drained_by, node.processes, node.slots) for node in found.nodes] == [
        ("a", False, "", 2, 4096),
        ("b", True, "ann", 2, 0),
    ]
    assert [(each.name, each.node, each.slots) for each in found.processes] == [
        ("gateway-a-1", "a", 0),
        ("mailbox-a-1", "a", 4096),
        ("controller-1", "b", 0),
        ("queue-b-1", "b", 0),
    ]
    assert found.leader == "controller-1"
    assert [kind.unowned for kind in found.kinds] == [0, 4096, 4096, 4096, 4096]


async def test_slots_of_the_dead_have_no_owner(world: World) -> None:
    await world.own("mailbox", "mailbox-a-1")
    assert (await state(world)).kinds[0].unowned == 4096

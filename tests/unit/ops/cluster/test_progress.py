"""How far it is, and when it is over."""

import msgspec

from cluster.membership.members import ControllerState, Member
from ops.cluster.operations import look
from ops.cluster.picture import picture
from ops.cluster.progress import balancing, draining, names_of, scaling, starting, weight_of
from tests.unit.ops.cluster.conftest import LAYOUT, World
from wire import admin_pb2 as pb


async def state(world: World) -> pb.ClusterState:
    return picture(await look(world.registry, LAYOUT))


async def test_a_start_is_over_when_all_are_there_and_all_is_owned(world: World) -> None:
    names = names_of({("mailbox", "a"): 1, ("gateway", "a"): 1})
    assert not starting(await state(world), names).over
    await world.announce("mailbox-a-1", "gateway-a-1")
    now = starting(await state(world), names)
    assert (now.over, now.what) == (False, "owners of slots")
    await world.own("mailbox", "mailbox-a-1")
    assert starting(await state(world), names).over


async def test_scaling_is_over_when_each_node_has_so_many(world: World) -> None:
    await world.announce("mailbox-a-1", "mailbox-b-1", "mailbox-b-2")
    assert not scaling(await state(world), {"mailbox": 2}).over
    await world.announce("mailbox-a-2")
    assert scaling(await state(world), {"mailbox": 2}).over
    await world.announce("mailbox-a-3")
    assert not scaling(await state(world), {"mailbox": 2}).over


async def test_a_drain_is_over_when_nothing_is_left(world: World) -> None:
    await world.announce("mailbox-a-1", "gateway-a-1", "mailbox-b-1")
    await world.own("mailbox", "mailbox-a-1")
    most = weight_of(await state(world), "a")
    assert most == 4098
    await world.own("mailbox", "mailbox-b-1")
    assert draining(await state(world), "a", most)[:2] == (4096, 4098)
    await world.registry.change({}, deletes=[f"{LAYOUT.shards}mailbox/mailbox-a-1", f"{LAYOUT.gateways}gateway-a-1"])
    assert draining(await state(world), "a", most).over


async def test_balance_needs_a_controller_and_no_moves(world: World) -> None:
    assert not balancing(await state(world), 0).over
    leader = Member(name="controller-1", kind="controller", node="b")
    told = ControllerState(leader="controller-1", left={"mailbox": 5})
    await world.registry.change(
        {LAYOUT.leader: msgspec.json.encode(leader), LAYOUT.controller: msgspec.json.encode(told)}
    )
    assert balancing(await state(world), 8)[:2] == (3, 8)
    await world.registry.change({LAYOUT.controller: msgspec.json.encode(ControllerState(leader="controller-1"))})
    assert balancing(await state(world), 8).over

"""What is made and what goes."""

from cluster.hosting.ray.plan import Plan, RayNode, plan
from cluster.membership.members import Wanted

A, B = RayNode("a", "id-a"), RayNode("b", "id-b")
WANTED = Wanted(mailbox=1, queue=0, reputation=0, greylist=0, throttle=0, gateway=1)
CONTROLLERS = {"controller-1", "controller-2"}
WHOLE = CONTROLLERS | {"gateway-a-1", "mailbox-a-1", "gateway-b-1", "mailbox-b-1"}


def planned(
    actors: set[str],
    *,
    wanted: Wanted = WANTED,
    nodes: tuple[RayNode, ...] = (A, B),
    drains: tuple[str, ...] = (),
    slots: dict[str, int] | None = None,
    homes: dict[str, str] | None = None,
    leader: str = "controller-1",
) -> Plan:
    return plan(wanted, nodes, actors, drains, lambda name: (slots or {}).get(name, 0), homes or {}, leader)


def made(todo: Plan) -> dict[str, str]:
    return {str(name): node for name, node in todo.create}


def test_each_node_gets_what_is_wanted_and_controllers_are_apart() -> None:
    assert made(planned(set())) == {
        "controller-1": "id-a",
        "controller-2": "id-b",
        "gateway-a-1": "id-a",
        "mailbox-a-1": "id-a",
        "gateway-b-1": "id-b",
        "mailbox-b-1": "id-b",
    }


def test_nothing_is_to_be_done_where_all_is_well() -> None:
    assert planned(WHOLE) == Plan([], [], [])


def test_a_shard_goes_only_without_slots() -> None:
    wanted = Wanted(mailbox=0, queue=0, reputation=0, greylist=0, throttle=0, gateway=1)
    todo = planned(WHOLE, wanted=wanted, slots={"mailbox-a-1": 5})
    assert (todo.empty, todo.remove) == (["mailbox-a-1"], ["mailbox-b-1"])


def test_a_drained_node_is_emptied_and_gets_nothing() -> None:
    todo = planned(WHOLE - {"gateway-b-1"}, drains=("b",), slots={"mailbox-b-1": 1})
    assert todo == Plan([], ["mailbox-b-1"], [])
    assert planned(WHOLE, drains=("b",)).remove == ["gateway-b-1", "mailbox-b-1"]


def test_what_is_on_a_node_that_is_away_is_left_alone() -> None:
    assert planned(WHOLE, nodes=(A,)) == Plan([], [], [])


def test_nodes_that_declare_what_they_may_have_are_believed() -> None:
    nodes = (RayNode("a", "id-a", gateways=1), RayNode("b", "id-b", shards=1))
    wanted = Wanted(mailbox=2, queue=0, reputation=0, greylist=0, throttle=0, gateway=3)
    assert set(made(planned(CONTROLLERS, wanted=wanted, nodes=nodes))) == {"gateway-a-1", "mailbox-b-1"}


def test_actors_of_others_stay() -> None:
    assert planned(WHOLE | {"job", "trainer-a-1"}) == Plan([], [], [])


def test_without_nodes_nothing_is_made() -> None:
    assert planned(set(), nodes=()) == Plan([], [], [])


def test_controllers_are_made_where_everything_is_drained() -> None:
    assert made(planned(set(), nodes=(A,), drains=("a",))) == {"controller-1": "id-a", "controller-2": "id-a"}


def test_controllers_that_share_a_node_are_parted_where_another_is_free() -> None:
    together = {"controller-1": "id-a", "controller-2": "id-a"}
    for leader, goes in (("controller-1", "controller-2"), ("controller-2", "controller-1"), ("", "controller-2")):
        assert planned(WHOLE, homes=together, leader=leader) == Plan([], [], [goes])
    assert planned(WHOLE, homes=together, nodes=(A,)) == Plan([], [], [])
    assert "controller-2" not in planned(WHOLE, homes=together, drains=("b",)).remove
    assert planned(WHOLE, homes={"controller-1": "id-a", "controller-2": "id-b"}) == Plan([], [], [])
    assert planned(WHOLE, homes={"controller-2": "id-a"}) == Plan([], [], []), "of the other nothing is known"


def test_a_missing_controller_is_made_apart_from_the_other() -> None:
    assert made(planned(WHOLE - {"controller-2"}, homes={"controller-1": "id-b"})) == {"controller-2": "id-a"}
    assert made(planned(WHOLE - {"controller-1"}, homes={"controller-2": "id-a"})) == {"controller-1": "id-b"}
    assert made(planned(WHOLE - {"controller-1"}, homes={"controller-2": "id-a"}, nodes=(A,))) == {
        "controller-1": "id-a"
    }

"""How a cluster is stopped, and what a start asks Ray for."""

from cluster.errors import Unavailable
from cluster.hosting.ray.place import Boot, Name
from cluster.hosting.ray.plan import RayNode
from ops.cluster.boots import boots
from ops.cluster.raising import stop_all


class FakeFleet:
    """Leaves at the second time of asking; `gone` does not answer at first."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)
        self.asked: list[str] = []
        self.removed: list[str] = []
        self.stuck = False

    def nodes(self) -> list[RayNode]:
        """None."""
        return []

    def actors(self) -> set[str]:
        """Of Fleet."""
        return set(self.names)

    def create(self, boot: Boot, node: str) -> None:
        """Of Fleet."""
        raise AssertionError("nothing is made")

    def retire(self, name: str) -> bool:
        """Of Fleet."""
        self.asked.append(name)
        if self.stuck:
            raise Unavailable("Ray does not answer.")
        return self.asked.count(name) > 1

    def ping(self, name: str) -> str:
        """Of Fleet."""
        raise AssertionError("nobody is asked")

    def home(self, name: str) -> str:
        """Of Fleet."""
        return "id-a"

    def remove(self, name: str) -> None:
        """Of Fleet."""
        self.removed.append(name)
        self.names.discard(name)


def test_controllers_go_first_and_shards_last() -> None:
    fleet = FakeFleet("mailbox-a-1", "gateway-a-1", "controller-1", "controller-2", "somebody-else")
    assert stop_all(fleet, 5, lambda _: None, poll_s=0)
    assert fleet.removed == ["controller-1", "controller-2", "gateway-a-1", "mailbox-a-1"]


def test_who_does_not_answer_is_ended_and_told() -> None:
    fleet = FakeFleet("mailbox-a-1")
    fleet.stuck = True
    assert not stop_all(fleet, -20, lambda _: None, poll_s=0)
    assert fleet.removed == ["mailbox-a-1"]


def test_a_boot_names_the_file_and_holds_nothing_of_it() -> None:
    boot = boots("/etc/rookery.toml")(Name("mailbox", "a", 1))
    assert (boot.role, boot.name, boot.node, boot.config) == ("mailbox", "mailbox-a-1", "a", "/etc/rookery.toml")

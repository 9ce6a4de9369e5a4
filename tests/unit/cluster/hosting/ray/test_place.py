"""Names of processes, taken apart and put together."""

import pytest

from cluster.hosting.ray.place import Name, parse


@pytest.mark.parametrize("name", ["mailbox-a-1", "gateway-mx-1.example.test-12", "queue-10.0.0.7-2", "controller-1"])
def test_a_name_comes_back_from_its_parts(name: str) -> None:
    assert str(parse(name)) == name


def test_a_nodes_name_may_look_like_anything() -> None:
    assert parse("mailbox-rack-7-1") == Name("mailbox", "rack-7", 1)


@pytest.mark.parametrize("name", ["", "mailbox", "mailbox-1", "-a-1", "mailbox-a-x", "somebody's actor"])
def test_others_names_are_none_of_ours(name: str) -> None:
    assert parse(name) is None

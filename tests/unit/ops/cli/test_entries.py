"""`rookery alias`, `rookery list` and `rookery group`."""

import pytest

from cluster.errors import Trouble
from tests.unit.ops.cli.conftest import Run, objects


def test_alias(run: Run, alice: str) -> None:
    run("alias", "add", "info@example.org", alice)
    (changed,) = objects(run("alias", "change", "info@example.org", "bob@example.org", "--json"))
    assert (changed["kind"], changed["members"]) == ("alias", ["bob@example.org"])
    assert "bob@example.org" in run("alias", "list", "example.org").stdout
    run("alias", "remove", "info@example.org")
    assert objects(run("alias", "list", "--json")) == []


@pytest.mark.parametrize("kind", ["list", "group"])
def test_members(run: Run, alice: str, kind: str) -> None:
    run(kind, "add", "all@example.org", alice, "bob@example.org", "--name", "All")
    (changed,) = objects(
        run(kind, "change", "all@example.org", "--join", "eve@example.org", "--leave", alice, "--json")
    )
    assert (changed["kind"], changed["members"], changed["name"]) == (
        kind,
        ["bob@example.org", "eve@example.org"],
        "All",
    )
    assert "All" in run(kind, "list").stdout
    run(kind, "remove", "all@example.org")
    assert objects(run(kind, "list", "--json")) == []


def test_a_group_is_no_list(run: Run, alice: str) -> None:
    run("group", "add", "all@example.org", alice)
    with pytest.raises(Trouble, match="no list"):
        run("list", "remove", "all@example.org")

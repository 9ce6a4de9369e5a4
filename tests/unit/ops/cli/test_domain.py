"""`rookery domain`."""

import pytest

from cluster.errors import Trouble
from tests.unit.ops.cli.conftest import Run, objects


def test_add_list_change_remove(run: Run) -> None:
    assert "example.org" in run("domain", "add", "Example.org").stdout
    done = run("domain", "change", "example.org", "--catch-all", "alice", "--rewrite", "a@(.*)", "b@${1}", "--json")
    assert objects(done) == objects(run("domain", "list", "--json"))
    assert objects(done) == [
        {
            "name": "example.org",
            "case_sensitive": False,
            "separator": "+",
            "catch_all": "alice@example.org",
            "admin": "",
            "rewrites": [{"pattern": "a@(.*)", "replacement": "b@${1}"}],
        }
    ]
    (changed,) = objects(run("domain", "change", "example.org", "--no-rewrites", "--separator", "", "--json"))
    assert (changed["rewrites"], changed["separator"], changed["catch_all"]) == ([], "", "alice@example.org")
    run("domain", "remove", "example.org")
    done = run("domain", "list")
    assert done.stdout == ""
    assert "rookery domain add" in done.stderr


def test_contradiction(run: Run) -> None:
    assert run("domain", "change", "example.org", "--no-rewrites", "--rewrite", "a", "b").exit_code == 2


def test_force_asks(run: Run, alice: str) -> None:
    with pytest.raises(Trouble, match="addresses"):
        run("domain", "remove", "example.org")
    assert run("domain", "remove", "example.org", "--force", standard_input="n\n").exit_code == 1
    assert objects(run("account", "list", "--json"))
    assert run("domain", "remove", "example.org", "--force", standard_input="y\n").exit_code == 0
    assert objects(run("domain", "list", "--json")) == []

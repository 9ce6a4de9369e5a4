"""`rookery account`."""

import pytest

from cluster.errors import Trouble
from tests.unit.ops.cli.conftest import Run, objects


def test_add_and_show(run: Run, alice: str) -> None:
    done = run(
        "account", "add", "bob@example.org", "--also", "rob@example.org", "--quota", "1.5G", "--generate", "--json"
    )
    (bob,) = objects(done)
    assert len(bob["password"]) == 20
    assert (bob["addresses"], bob["quota_bytes"]) == (["bob@example.org", "rob@example.org"], 3 << 29)
    assert [one["login"] for one in objects(run("account", "list", "--json"))] == [alice, "bob@example.org"]
    (shown,) = objects(run("account", "show", alice, "--json"))
    assert shown["usage"] == {"bytes": 0, "messages": 0}
    assert len(shown["id"]) == 16


def test_a_generated_password_is_printed_once(run: Run, alice: str) -> None:
    done = run("account", "password", alice, "--generate")
    assert len(done.stdout.strip()) == 20
    assert done.stdout.strip() not in done.stderr


def test_tables(run: Run, alice: str) -> None:
    run("account", "quota", alice, "5G", "--messages", "100")
    shown = run("account", "list", "example.org", "--usage").stdout
    for words in (alice, "5.0 GiB", "0 B", "active"):
        assert words in shown


def test_change(run: Run, alice: str) -> None:
    (changed,) = objects(run("account", "change", alice, "--add-address", "al@example.org", "--disable", "--json"))
    assert (changed["addresses"], changed["disabled"]) == ([alice, "al@example.org"], True)
    (changed,) = objects(run("account", "change", alice, "--remove-address", "al@example.org", "--enable", "--json"))
    assert (changed["addresses"], changed["disabled"]) == ([alice], False)


def test_remove_asks(run: Run, alice: str) -> None:
    assert run("account", "remove", alice, standard_input="n\n").exit_code == 1
    assert objects(run("account", "list", "--json"))
    assert run("account", "remove", alice, "--yes").exit_code == 0
    assert objects(run("account", "list", "--json")) == []


@pytest.mark.parametrize("quota", ["five", "-1", "5X", "9999999999T", "1e400", "nan"])
def test_what_is_no_size(run: Run, alice: str, quota: str) -> None:
    done = run("account", "quota", "--", alice, quota)
    assert done.exit_code == 2
    assert "500M" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["account", "add", "alice@example.org", "--generate"], "already"),
        (["account", "add", "bob@example.net", "--generate"], "no domain example.net"),
        (["account", "show", "bob@example.org"], "no account bob@example.org"),
        (["account", "add", "bob", "--generate"], "domain"),
    ],
)
def test_errors_name_the_cause(run: Run, alice: str, arguments: list[str], words: str) -> None:
    with pytest.raises(Trouble, match=words):
        run(*arguments)

"""`rookery mailbox`, and what `rookery account` says of shared accounts and administrators."""

import pytest

from cluster.errors import Trouble
from tests.unit.ops.cli.conftest import Run, objects


def test_share_and_list(run: Run, alice: str) -> None:
    run("account", "add", "bob@example.org", "--generate")
    (made,) = objects(run("mailbox", "create", alice, "Work/2026", "--json"))
    assert (made["name"], made["grants"]) == ("Work/2026", [])
    (box,) = objects(run("mailbox", "share", alice, "Work/2026", "bob@example.org", "Read", "--json"))
    assert box["grants"] == [{"identifier": "bob@example.org", "rights": "lrs"}]
    (box,) = objects(run("mailbox", "share", alice, "Work/2026", "bob@example.org", "wt", "--add", "--json"))
    assert box["grants"] == [{"identifier": "bob@example.org", "rights": "lrswt"}]
    run("mailbox", "share", alice, "Work/2026", "--", "-bob@example.org", "t")
    shown = run("mailbox", "list", alice).stdout
    for words in ("INBOX", "inbox", "Work/2026", "bob@example.org lrswt", "-bob@example.org t"):
        assert words in shown
    run("mailbox", "share", alice, "Work/2026", "--remove", "bob@example.org", "all")
    assert [
        box["grants"] for box in objects(run("mailbox", "list", alice, "--json")) if box["name"] == "Work/2026"
    ] == [[{"identifier": "-bob@example.org", "rights": "t"}]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["share", "alice@example.org", "INBOX", "bob@example.org", "read"], "no such user"),
        (["share", "alice@example.org", "INBOX", "group:staff@example.org", "read"], "no such group"),
        (["share", "alice@example.org", "INBOX", "anyone", "nonsense"], "letters of"),
        (["share", "alice@example.org", "Nowhere", "anyone", "read"], "no mailbox"),
        (["list", "bob@example.org"], "no account"),
        (["list", "alice"], "'alice' is not an address: it has no @"),
        (["create", "alice@example.org", "Shared/x"], "Shared"),
    ],
)
def test_errors_name_the_cause(run: Run, alice: str, arguments: list[str], words: str) -> None:
    with pytest.raises(Trouble, match=words):
        run("mailbox", *arguments)


@pytest.mark.parametrize("word", ["red", "reed", "writ", "wirte", "rite", "rwite"])
def test_a_mistyped_word_gives_nobody_letters(run: Run, alice: str, word: str) -> None:
    answer = run("mailbox", "share", alice, "INBOX", "anyone", word)
    assert answer.exit_code == 2
    assert "read, write, all, none" in answer.stderr
    run("mailbox", "share", alice, "INBOX", "anyone", "lrite")
    run("mailbox", "share", alice, "INBOX", "--remove", "anyone", "r")
    run("mailbox", "share", alice, "INBOX", "--", "-anyone", "r")
    (box,) = objects(run("mailbox", "share", alice, "INBOX", "anyone", "i", "--add", "--json"))
    assert box["grants"] == [{"identifier": "-anyone", "rights": "r"}, {"identifier": "anyone", "rights": "lite"}]


def test_a_shared_account_is_shown_as_such(run: Run, alice: str) -> None:
    (team,) = objects(run("account", "add", "team@example.org", "--shared", "--json"))
    assert (team["shared"], team["administrator"]) == (True, False)
    assert "password" not in team
    assert "active, shared" in run("account", "show", "team@example.org").stdout
    assert run("account", "add", "x@example.org", "--shared", "--generate").exit_code == 2
    with pytest.raises(Trouble, match="Nobody logs in"):
        run("account", "password", "team@example.org", "--generate")


def test_administrators(run: Run, alice: str) -> None:
    (changed,) = objects(run("account", "change", alice, "--administrator", "--json"))
    assert changed["administrator"]
    assert "active, administrator" in run("account", "list").stdout
    (changed,) = objects(run("account", "change", alice, "--no-administrator", "--json"))
    assert not changed["administrator"]

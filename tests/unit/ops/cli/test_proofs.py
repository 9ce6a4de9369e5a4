"""`rookery account app-password`, `second-factor` and `program`."""

import pytest

from cluster.errors import Trouble
from tests.unit.ops.cli.conftest import Run, objects


def test_an_app_password_is_printed_once_and_revoked(run: Run, alice: str) -> None:
    made = run("account", "app-password", "add", alice, "Scanner", "--for", "smtp")
    password = made.stdout.strip()
    assert len(password.split("-")) == 7
    assert password not in made.stderr
    (told,) = objects(run("account", "app-password", "add", alice, "Phone", "--json"))
    assert told["password"]
    assert told["services"] == ["imap", "smtp", "pop3", "jmap", "sieve"]
    shown = run("account", "app-password", "list", alice).stdout
    for words in ("Scanner", "smtp", "Phone", "never"):
        assert words in shown
    assert password not in shown
    run("account", "app-password", "revoke", alice, "Scanner")
    run("account", "app-password", "revoke", alice, told["id"])
    assert "has no app passwords" in run("account", "app-password", "list", alice).output
    with pytest.raises(Trouble, match="no app password"):
        run("account", "app-password", "revoke", alice, "Scanner")
    assert run("account", "app-password", "add", alice, "Phone", "--for", "nntp").exit_code == 2


def test_a_second_factor_that_is_not_there(run: Run, alice: str) -> None:
    assert run("account", "second-factor", "reset", alice, standard_input="n\n").exit_code == 1
    with pytest.raises(Trouble, match="no second factor"):
        run("account", "second-factor", "reset", alice, "--yes")


@pytest.mark.parametrize("ident", ["x", "-1", "1" + "0" * 16])
def test_programs(run: Run, alice: str, ident: str) -> None:
    assert "has let in no programs" in run("account", "program", "list", alice).output
    assert objects(run("account", "program", "list", alice, "--json")) == []
    assert run("account", "program", "end", alice, "--", ident).exit_code == 2
    with pytest.raises(Trouble, match="no program"):
        run("account", "program", "end", alice, "0123456789abcdef")

"""Passwords: asked for, read or made up; never an argument."""

import pytest

from ops.cli.password import chosen
from tests.unit.ops.cli.conftest import Run


def test_generated_ones_differ_and_have_no_look_alikes() -> None:
    made = {chosen(password_stdin=False, generate=True) for _ in range(50)}
    assert len(made) == 50
    assert not set("".join(made)) & set("0O1lI")


@pytest.mark.parametrize(
    ("arguments", "standard_input", "words"),
    [
        (["--password-stdin", "--generate"], "x\n", "choose one"),
        (["--password-stdin"], "\n", "no password"),
        ([], "secret\nsecret\n", "no terminal"),
        (["secret"], "", "unexpected extra argument"),
    ],
)
def test_no_password(run: Run, alice: str, arguments: list[str], standard_input: str, words: str) -> None:
    done = run("account", "password", alice, *arguments, standard_input=standard_input)
    assert done.exit_code == 2
    assert words in done.stderr

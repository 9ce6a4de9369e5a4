"""The command line on a data directory of its own, where no server runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.cli.main import rookery

Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("account", "list")`; `standard_input` is what is typed. Troubles are raised."""
    monkeypatch.setenv("ROOKERY_DATA", str(data))
    monkeypatch.setattr("ops.cli.connect.WAIT_S", 0.0)

    def call(*arguments: object, standard_input: str = "") -> Result:
        done = CliRunner().invoke(rookery, [str(argument) for argument in arguments], input=standard_input)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return call


@pytest.fixture
def alice(run: Run) -> str:
    run("domain", "add", "example.org")
    run("account", "add", "alice@example.org", "--password-stdin", standard_input="correct horse\n")
    return "alice@example.org"


def objects(done: Result) -> list[dict[str, Any]]:
    """What `--json` printed."""
    return [json.loads(line) for line in done.stdout.splitlines()]

"""The table of commands: all of them load, the help teaches, and nothing heavy is imported for it."""

import errno
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from cluster.errors import Misconfigured, NotFound, Trouble
from ops.cli import main


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_loads_and_has_help(name: str) -> None:
    done = CliRunner().invoke(main.rookery, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Usage: ")


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(main.rookery, ["--help"]).output
    for name, command in main.COMMANDS.items():
        assert f"  {name}" in shown
        assert " ".join(command.summary.split()[:3]) in shown


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from ops.cli.main import rookery; rookery(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    heavy = {command.target.partition(":")[0] for command in main.COMMANDS.values()}
    assert not modules & (heavy | {"asyncio", "grpc", "lmdb", "numpy", "cryptography", "rich"})


def test_an_unknown_command_is_wrong_usage() -> None:
    done = CliRunner().invoke(main.rookery, ["alon"])
    assert done.exit_code == 2
    assert "No such command 'alon'" in done.output


@pytest.mark.parametrize(
    ("trouble", "shown"),
    [
        (
            Misconfigured("port 25 is taken", log="port 25 is taken by postfix"),
            "rookery: port 25 is taken by postfix\n",
        ),
        (NotFound("no account x@example.test"), "rookery: no account x@example.test\n"),
    ],
)
def test_trouble_is_one_line_and_exit_1(
    trouble: Trouble, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def fails() -> None:
        raise trouble

    monkeypatch.setattr(main, "rookery", fails)
    monkeypatch.setattr(sys, "argv", ["rookery"])
    with pytest.raises(SystemExit) as exit_:
        main.main()
    assert exit_.value.code == 1
    assert capsys.readouterr().err == shown


def test_a_full_disk_is_one_line_and_exit_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/data/LOCK")

    monkeypatch.setattr(main, "rookery", fails)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("rookery: /data/LOCK: No space left on device: make room")

"""`rookery test` hands pytest its arguments and gives back its answer."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [
        (["--version"], 0, "pytest "),
        (["-q", "--collect-only", "tests/house/test_docs.py"], 0, "test_every_link_leads_somewhere"),
        (["-k", "nothing at all", "tests/no-such-folder"], 4, "file or directory not found: tests/no-such-folder"),
    ],
)
def test_arguments_and_exit_code_pass_through(arguments: list[str], code: int, shown: str) -> None:
    command = [sys.executable, "-m", "ops.cli", "test", *arguments]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert done.returncode == code, done.stdout + done.stderr
    assert shown in done.stdout + done.stderr

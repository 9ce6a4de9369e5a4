"""`rookery test` hands pytest its arguments and gives back its answer."""

import os
import subprocess
import sys

import pytest

from ops.cli.test import BY_FILE, abreast


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


@pytest.mark.parametrize(
    ("arguments", "processors", "added"),
    [
        (["tests/unit", "-x"], 2, ["-n", "2", *BY_FILE]),
        ([], 16, ["-n", "2", *BY_FILE]),
        (["tests/house/test_docs.py::test_every_link_leads_somewhere"], 2, ["-n", "2", *BY_FILE]),
        (["tests/no-such-folder"], 2, []),
        ([], 1, []),
        ([], None, []),
        (["-n", "0"], 2, [*BY_FILE]),
        (["-n4"], 2, [*BY_FILE]),
        (["--pdb"], 2, []),
        (["--collect-only"], 2, []),
    ],
)
def test_two_tests_run_at_a_time_unless_told(arguments: list[str], processors: int | None, added: list[str]) -> None:
    assert abreast(arguments, processors) == added

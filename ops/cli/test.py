"""`rookery test`: one command that runs every check and test, as it is run everywhere else too.

It only calls pytest: what format, lint, types, imports and tidiness demand are tests themselves (tests/house), and
the real programs that chosen tests need are installed by tests/conftest.py, which INSTALL_PARTS allows.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from ops.parts import INSTALL_PARTS

ROOT: Final = Path(__file__).resolve().parents[2]
ABREAST: Final = 2  # tests at the same time
# A file's tests stay together, in their order: they may share a server or a cluster, and begin where the last ended.
BY_FILE: Final = ("--dist", "loadfile", "--no-loadscope-reorder")
_HOW_MANY: Final = ("-n", "--numprocesses")
_ALONE: Final = ("--pdb", "-s", "--co", "--version", "-h", "--help", "--fixtures", "--markers")


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
    epilog="`rookery test -h` shows pytest's own help.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST ARGUMENTS]...")
def test(arguments: tuple[str, ...]) -> None:
    """Run every check and test: format, lint, types, import rules, tidiness, then the tests.

    Arguments go to pytest as they are; paths count from the root of the checkout. Tests that talk to real
    programs (ops/parts.py names them) install those when they may, packages with apt as root, others with Go where
    it is, and are skipped with a reason when they may not. With CI=true a program that could have been installed
    and is missing fails its tests.

    \b
      rookery test tests/house            format, lint, types, imports, tidiness only
      rookery test tests/unit -k address  the unit tests with "address" in their names
      rookery test -x                     stop at the first failure
      rookery test -n 0                   one after the other, instead of two at a time
    """
    if not (ROOT / "tests").is_dir():
        raise click.ClickException("the tests are part of the source, not of the installed package: run ./rookery test")
    environ = os.environ | {INSTALL_PARTS: "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", *abreast(arguments), *arguments], cwd=ROOT, env=environ, check=False
    )
    sys.exit(done.returncode)


def abreast(arguments: Sequence[str], processors: int | None = os.cpu_count()) -> list[str]:
    """How many tests run at the same time, where the person did not say: more wait for programs than for a processor,
    but above two the slower ones would be measured by their bounds on waiting."""
    if any(word.startswith(_HOW_MANY) for word in arguments):
        return list(BY_FILE)
    alone = any(word.startswith(_ALONE) for word in arguments)
    # Of a path that is not there pytest-xdist says nothing, and pytest alone does.
    lost = any("/" in word and not (ROOT / word.split("::")[0]).exists() for word in arguments)
    return [] if alone or lost or (processors or 1) < ABREAST else ["-n", str(ABREAST), *BY_FILE]

"""`rookery test`: one command that runs every check and test, as it is run everywhere else too.

It only calls pytest: what format, lint, types, imports and tidiness demand are tests themselves (tests/house), and
the real programs that chosen tests need are installed by tests/conftest.py, which INSTALL_PARTS allows.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from ops.parts import INSTALL_PARTS

ROOT: Final = Path(__file__).resolve().parents[2]


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
    """
    if not (ROOT / "tests").is_dir():
        raise click.ClickException("the tests are part of the source, not of the installed package: run ./rookery test")
    environ = os.environ | {INSTALL_PARTS: "1"}
    done = subprocess.run([sys.executable, "-P", "-m", "pytest", *arguments], cwd=ROOT, env=environ, check=False)
    sys.exit(done.returncode)

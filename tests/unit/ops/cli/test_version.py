"""`rookery version` names what a defect report needs."""

import re

from click.testing import CliRunner

from ops.cli.version import current, version


def test_names_itself_python_and_parts() -> None:
    first, second, third = CliRunner().invoke(version).output.splitlines()
    assert first == f"rookery {current()}"
    assert re.fullmatch(r"rookery \d+\.\d+\.\d+\S*", first)
    assert second.startswith("Python 3.")
    assert "missing" not in third

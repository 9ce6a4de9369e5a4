"""`rookery node`: what is refused before anything is started."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ops.cli.node import node


@pytest.mark.parametrize("arguments", [[], ["--head", "--join", "a:1"]])
def test_a_node_is_a_head_or_joins_one(arguments: list[str], tmp_path: Path) -> None:
    told = CliRunner().invoke(node, [*arguments, "--config", str(tmp_path / "none.toml")])
    assert told.exit_code == 2
    assert "either --head" in told.output

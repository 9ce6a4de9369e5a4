"""The cluster's commands: what is refused before anything is asked."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ops.cli.cluster import scale
from ops.cli.node import node


@pytest.mark.parametrize("wish", ["mailbox", "mailbox=x", "letterbox=1", "mailbox=1000"])
def test_a_wish_that_cannot_be_is_told(wish: str, tmp_path: Path) -> None:
    told = CliRunner().invoke(scale, [wish, "--config", str(tmp_path / "none.toml")])
    assert told.exit_code == 2
    assert "KIND=N" in told.output


@pytest.mark.parametrize("arguments", [[], ["--head", "--join", "a:1"]])
def test_a_node_is_a_head_or_joins_one(arguments: list[str], tmp_path: Path) -> None:
    told = CliRunner().invoke(node, [*arguments, "--config", str(tmp_path / "none.toml")])
    assert told.exit_code == 2
    assert "either --head" in told.output

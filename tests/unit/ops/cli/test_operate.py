"""The cluster's commands: what is refused before anything is asked."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ops.cli.operate import scale


@pytest.mark.parametrize("wish", ["mailbox", "mailbox=x", "letterbox=1"])
def test_a_wish_that_cannot_be_is_told(wish: str, tmp_path: Path) -> None:
    told = CliRunner().invoke(scale, [wish, "--config", str(tmp_path / "none.toml")])
    assert told.exit_code == 2
    assert "KIND=N" in told.output

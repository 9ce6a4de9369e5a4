"""Every file of conversations, against a server without a network."""

from pathlib import Path

import pytest

from tests.unit.gateway.web.talk import FILES, play
from tests.unit.gateway.web.world import World


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
async def test_a_conversation(path: Path) -> None:
    await play(path, World())


def test_there_are_some() -> None:
    assert len(FILES) > 5

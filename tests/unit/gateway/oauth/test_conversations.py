"""What programs and the endpoints say to each other: one file each."""

from pathlib import Path

import pytest

from tests.unit.gateway.oauth.world import Stage, World

FOLDER = Path(__file__).parent / "conversations"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
async def test_conversation(path: Path) -> None:
    async with World() as world:
        stage = Stage(world)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line and not line.startswith("# "):
                try:
                    await stage.step(line)
                except AssertionError as error:
                    raise AssertionError(f"{path.name}:{number}: {line}\n{error}") from None

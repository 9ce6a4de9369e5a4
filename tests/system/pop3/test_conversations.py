"""Every file in conversations/ is a dialogue that a running server must keep to (talk.py has the notation)."""

from pathlib import Path

import pytest

from tests.peopled import Peopled
from tests.system.pop3.talk import Stage

FILES = sorted((Path(__file__).parent / "conversations").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_conversation(path: Path, server: Peopled) -> None:
    stage = Stage(server)
    try:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line and not line.startswith("#"):
                try:
                    stage.step(line)
                except (AssertionError, OSError) as error:
                    raise AssertionError(f"{path.name}:{number}: {line}\n{error}") from None
    finally:
        stage.close()

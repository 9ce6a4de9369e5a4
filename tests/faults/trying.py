"""Start a server that cannot start, and read what it says to the person who started it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

from tests.running import ROOT, environment, free_ports

TRY_S_MAX: Final = 30.0


class Said(NamedTuple):
    """How it ended."""

    code: int
    text: str

    def names(self, *words: str) -> None:
        """Assert that it was refused in a sentence or two that hold these words, and without a traceback."""
        assert self.code == 1, f"exit code {self.code}: {self.text}"
        assert "Traceback" not in self.text, self.text
        assert "Error(" not in self.text, self.text
        assert len(self.text.splitlines()) <= 4, self.text
        said = re.sub(r"\s+", " ", self.text)
        missing = [word for word in words if word not in said]
        assert not missing, f"{missing} not in: {said}"


def config(place: Path, text: str = "", *, data: Path | None = None, port: int = 0) -> Path:
    """A settings file with one listener."""
    path = place / "rookery.toml"
    listener = f'[[listen]]\nprotocol = "http"\nport = {port or free_ports(1)[0]}\n'
    path.write_text(f'data = "{data or place / "data"}"\n{listener}{text}')
    return path


def tried(path: Path) -> Said:
    """`rookery alone --config path`, until it gives up by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", "alone", "--config", str(path)],
        cwd=path.parent if path.parent.exists() else ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TRY_S_MAX,
    )
    return Said(done.returncode, done.stdout)


def is_root() -> bool:
    """Whether the kernel lets us pass everywhere."""
    return os.geteuid() == 0

"""What the benchmarks' tests share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def passable() -> Iterator[Path]:
    """A folder that every user may pass, as PostgreSQL's has to: pytest's own are for nobody else."""
    folder = Path(tempfile.mkdtemp(prefix="rookery-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)

"""The fixtures of the contract suites."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.meta.store import Store
from tests.contract.adapters import Adapter, parameters


@pytest.fixture(params=parameters())
def adapter(request: pytest.FixtureRequest) -> Adapter:
    chosen: Adapter = request.param
    return chosen


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
async def store(adapter: Adapter, directory: Path) -> AsyncIterator[Store]:
    opened = await adapter.open(directory)
    yield opened
    await opened.close()

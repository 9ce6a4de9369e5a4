"""For all kinds of small shards: a place to own slots in."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.actors.shell.site import Site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """An empty one."""
    made = Site()
    yield made
    await made.stop()

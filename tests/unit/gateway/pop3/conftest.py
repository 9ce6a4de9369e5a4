"""Each test has the mailbox shard beside the gateway, and again across the data plane."""

import pytest

from tests.unit.gateway.pop3.world import World


@pytest.fixture(autouse=True, params=["near", "far"])
def hosting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where worlds have their shard."""
    monkeypatch.setattr(World, "far", request.param == "far")

"""What is told before Ray is asked."""

from pathlib import Path

import pytest
from msgspec import structs

from cluster.errors import Misconfigured, Unavailable
from cluster.hosting.ray import node
from cluster.hosting.ray.fleet import connected
from cluster.hosting.settings import ClusterSettings, RaySettings
from tests.running import free_ports


@pytest.fixture
def settings(tmp_path: Path) -> ClusterSettings:
    made = ClusterSettings(ray=structs.replace(RaySettings(), state=str(tmp_path)))
    node.prepare(made, head=True)
    return made


def test_a_machine_without_a_node_is_told_and_no_other_ray_is_taken(settings: ClusterSettings) -> None:
    with pytest.raises(Misconfigured, match="No node runs on this machine"), connected(settings, "auto"):
        pass


def test_a_head_that_has_stopped_is_told(settings: ClusterSettings) -> None:
    (port,) = free_ports(1)
    session = Path(settings.ray.state) / "session"
    session.mkdir()
    (session / "ray_current_cluster").write_text(f"127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=f"No head answers at 127.0.0.1:{port}"), connected(settings, "auto"):
        pass

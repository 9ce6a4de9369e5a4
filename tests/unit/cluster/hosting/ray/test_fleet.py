"""What is told before Ray is asked."""

from pathlib import Path

import pytest
from msgspec import structs

from cluster.errors import Misconfigured, Unavailable
from cluster.hosting.ray import node
from cluster.hosting.ray.environment import any_head_address
from cluster.hosting.ray.fleet import connected
from cluster.hosting.settings import ClusterSettings, RaySettings
from tests.running import free_ports


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterSettings:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "plain"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    made = ClusterSettings(ray=structs.replace(RaySettings(), state=str(tmp_path)))
    node.prepare(made, head=True)
    return made


def test_a_machine_without_a_node_is_told_and_no_other_ray_is_taken(settings: ClusterSettings) -> None:
    with pytest.raises(Misconfigured, match="No node runs on this machine"), connected(settings, "auto"):
        pass


def test_a_ray_that_was_started_by_other_means_is_found(
    settings: ClusterSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain" / "ray"
    plain.mkdir(parents=True)
    (plain / "ray_current_cluster").write_text("10.0.0.1:6379\n")
    assert any_head_address(settings.ray) == "10.0.0.1:6379"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.2:6379")
    assert any_head_address(settings.ray) == "10.0.0.2:6379"
    session = Path(settings.ray.state) / "session"
    session.mkdir()
    (session / "ray_current_cluster").write_text("10.0.0.3:6379")
    assert any_head_address(settings.ray) == "10.0.0.3:6379", "our own comes first"


def test_a_head_that_has_stopped_is_told(settings: ClusterSettings) -> None:
    (port,) = free_ports(1)
    session = Path(settings.ray.state) / "session"
    session.mkdir()
    (session / "ray_current_cluster").write_text(f"127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=f"No head answers at 127.0.0.1:{port}"), connected(settings, "auto"):
        pass

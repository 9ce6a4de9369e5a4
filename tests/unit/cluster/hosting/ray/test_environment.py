"""What Ray is told."""

from pathlib import Path

import pytest
from msgspec import structs

from cluster.errors import Misconfigured
from cluster.hosting.ray import environment
from cluster.hosting.settings import RaySettings


@pytest.fixture
def settings(tmp_path: Path) -> RaySettings:
    (tmp_path / "token").write_text("t" * 64)
    (tmp_path / "token").chmod(0o600)
    return RaySettings(token_file=str(tmp_path / "token"), gateways=2, shards=0)


def test_the_token_travels_by_path(settings: RaySettings) -> None:
    made = environment.node_environment(settings, node="a", host="", path="/code")
    assert made["RAY_AUTH_MODE"] == "token"
    assert made["RAY_AUTH_TOKEN_PATH"] == settings.token_file
    assert "t" * 64 not in str(made)
    assert (made["ROOKERY_NODE"], made["PYTHONPATH"]) == ("a", "/code")
    assert "ROOKERY_HOST" not in made
    assert "RAY_USE_TLS" not in made


def test_tls_is_told_whole(settings: RaySettings) -> None:
    secured = structs.replace(settings, tls_certificate="c", tls_key="k", tls_authority="a")
    made = environment.client_environment(secured)
    assert {made[f"RAY_TLS_{name}"] for name in ("SERVER_CERT", "SERVER_KEY", "CA_CERT")} == {"c", "k", "a"}
    assert made["RAY_USE_TLS"] == "1"


def test_a_token_that_others_read_is_refused(settings: RaySettings) -> None:
    Path(settings.token_file).chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        environment.client_environment(settings)


def test_a_token_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="copy it from the head"):
        environment.client_environment(RaySettings(token_file=str(tmp_path / "none")))


def test_a_head_keeps_its_memory_on_disk(settings: RaySettings) -> None:
    made = environment.node_environment(settings, node="a", host="", path="")
    assert made["RAY_gcs_storage"] == "rocksdb"
    assert made["RAY_gcs_storage_path"].startswith(settings.state)


def test_flags_of_a_head_and_of_a_member(settings: RaySettings) -> None:
    head = environment.flags(settings, node="a", host="10.0.0.1", head="")
    member = environment.flags(settings, node="b", host="", head="10.0.0.1:6379")
    assert "--no-monitor" in head
    under_ray_up = environment.flags(settings, node="a", host="", head="", autoscaling="/home/r/made.yaml")
    assert "--autoscaling-config=/home/r/made.yaml" in under_ray_up
    assert "--no-monitor" not in under_ray_up
    assert {"--head", "--port=6379", "--node-name=a", "--node-ip-address=10.0.0.1"} <= set(head)
    assert "--address=10.0.0.1:6379" in member
    assert not {"--head", "--no-monitor", "--include-dashboard=false"} & set(member)  # Ray refuses some of them there
    assert '--resources={"rookery_gateway": 2, "rookery_shard": 0}' in head


def test_the_client_server_is_not_started() -> None:
    class Parameters:
        ray_client_server_port: int | None = 10001

    given = Parameters()
    environment.without_client(given, True)
    assert given.ray_client_server_port is None


def test_workers_find_this_code() -> None:
    paths = [Path(path) for path in environment.python_path().split(":")]
    assert any((path / "mail").is_dir() for path in paths)
    assert any((path / "cluster").is_dir() for path in paths)

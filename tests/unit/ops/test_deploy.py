"""ops/deploy: its files are in step with the settings, with the commands and with Ray's own validator."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from cluster.config import load
from ops.cli.cluster import up
from ops.cli.main import COMMANDS
from ops.cli.node import node
from ops.settings import Settings

FOLDER = Path(__file__).resolve().parents[3] / "ops" / "deploy"
PATH = "/etc/rookery/cluster.toml"
OPTIONS = {"node": node, "up": up}


def settings() -> Settings:
    """The file of all three ways, with its secrets read from nowhere."""
    return load(Settings, (FOLDER / "cluster.toml").read_text(), {}, lambda _: b"secret")


def kubernetes() -> dict[str, Any]:
    """The objects by kind."""
    return {each["kind"]: each for each in yaml.safe_load_all((FOLDER / "kuberay.yaml").read_text())}


def commands() -> list[list[str]]:
    """Every `rookery` command in the two YAML files, as words."""
    found = kubernetes()
    groups = [found["RayCluster"]["spec"]["headGroupSpec"], *found["RayCluster"]["spec"]["workerGroupSpecs"]]
    containers = [group["template"]["spec"]["containers"][0] for group in groups]
    ray = yaml.safe_load((FOLDER / "ray-cluster.yaml").read_text())
    lines = [" ".join(each["command"]).removeprefix("sh -c exec ") for each in containers]
    lines += [*ray["head_start_ray_commands"], *ray["worker_start_ray_commands"]]
    return [line.removeprefix("/opt/rookery/").split() for line in lines]


def test_the_settings_are_settings() -> None:
    assert settings().cluster.ray.token_file == "/run/rookery/auth_token"
    assert settings().store.kind in ("postgresql", "foundationdb")
    assert settings().store.blobs != "files"
    rpc = settings().cluster.rpc
    assert rpc.certificate
    assert rpc.key
    assert rpc.authority
    assert not rpc.insecure


def test_the_settings_name_all_that_a_process_needs_and_kubernetes_is_told_to_hold_it() -> None:
    rpc, head = settings().cluster.rpc, (FOLDER / "kuberay.yaml").read_text().partition("apiVersion")[0]
    for path in (rpc.certificate, rpc.key, rpc.authority, settings().tls.certificate, settings().tls.key):
        assert path.startswith("/run/rookery/")
        assert f"/{Path(path).name} " in head.replace("=", "/")


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_exist_with_these_options(words: list[str]) -> None:
    assert words[0] == "rookery"
    command: click.Command = OPTIONS[words[1]]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    assert words[words.index("--config") + 1] == PATH


def test_ray_takes_its_file() -> None:
    validate = pytest.importorskip("ray.autoscaler._private.util")
    given = yaml.safe_load((FOLDER / "ray-cluster.yaml").read_text())
    validate.validate_config(validate.prepare_config(given))


def test_kubernetes_passes_on_what_the_gateways_listen_on() -> None:
    found, listeners = kubernetes(), settings().listen
    container = found["RayCluster"]["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    open_ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    others = {settings().cluster.ray.port, settings().admin.port}
    assert {listener.port for listener in listeners} | others == set(open_ports.values())
    assert found["Service"]["spec"]["externalTrafficPolicy"] == "Local"
    assert {port["targetPort"] for port in found["Service"]["spec"]["ports"]} <= open_ports.keys()


def test_kubernetes_mounts_what_the_settings_name() -> None:
    found = kubernetes()["RayCluster"]["spec"]
    for group in (found["headGroupSpec"], *found["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        assert mounts.keys() == {volume["name"] for volume in pod["volumes"]}
        assert Path(PATH).parent == Path(mounts["settings"])
        assert Path(settings().cluster.ray.token_file).parent == Path(mounts["secrets"])
        assert settings().cluster.ray.state.startswith(mounts["state"])
        assert pod["terminationGracePeriodSeconds"] > 2 * settings().drain_s


def test_kubernetes_gets_no_probe_and_no_wait_of_the_operators_own() -> None:
    found = kubernetes()["RayCluster"]["spec"]
    for group in (found["headGroupSpec"], *found["workerGroupSpecs"]):
        container = group["template"]["spec"]["containers"][0]
        assert {"livenessProbe", "readinessProbe"} <= container.keys()  # else they ask an agent that is not there
        told = {each["name"]: each["value"] for each in container["env"]}  # the container that waits has these too
        assert told["RAY_AUTH_TOKEN_PATH"] == settings().cluster.ray.token_file
        assert told["RAY_AUTH_MODE"] == "token"
        assert told["ROOKERY_CONFIG"] == PATH
        assert group["template"]["spec"]["enableServiceLinks"] is False


def test_ray_up_gives_the_head_what_it_starts_the_workers_from() -> None:
    head = next(words for words in commands() if "--autoscaling" in words)
    assert "--head" in head
    assert head[head.index("--autoscaling") + 1] == "~/ray_bootstrap_config.yaml"


def test_versions_are_those_of_the_lock() -> None:
    lock = (FOLDER.parents[1] / "requirements-cluster.lock").read_text()
    locked = re.search(r"(?m)^ray==(\S+)", lock)
    assert locked
    assert kubernetes()["RayCluster"]["spec"]["rayVersion"] == locked[1]
    group = kubernetes()["RayCluster"]["spec"]["headGroupSpec"]
    assert group["template"]["spec"]["containers"][0]["image"].endswith(f":{_own_version()}")


def test_the_walk_through_names_commands_that_are() -> None:
    text = (FOLDER / "walk-through.md").read_text()
    named = set(re.findall(r"(?m)^    (?:mx-\d\$ /opt/rookery/)?rookery (\w+)", text))
    assert named >= {"node", "up", "status", "scale", "drain", "rebalance", "down", "certificate"}
    assert named <= COMMANDS.keys()
    first, last = settings().cluster.ray.worker_port_min, settings().cluster.ray.worker_port_max
    assert f"{first}-{last}" in text


def _own_version() -> str:
    found = re.search(r'(?m)^version = "([^"]+)"', (FOLDER.parents[1] / "pyproject.toml").read_text())
    assert found
    return found[1]

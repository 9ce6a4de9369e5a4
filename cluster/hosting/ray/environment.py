"""Everything that Ray is told: its environment and the flags of `ray start`, each with its reason.

The law: Ray's defaults are for batch jobs, ours are for a service; what is not in this table is Ray's default by
choice. The figures are in ops/docs/decisions/0010-ray-hosting.md.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cluster import GRPC
from cluster.errors import Misconfigured
from cluster.hosting.settings import RaySettings

NODE: Final = "ROOKERY_NODE"  # the node's name, for whatever runs on it
HOST: Final = "ROOKERY_HOST"  # its address, where the settings or the command name one
STATE: Final = "ROOKERY_RAY_STATE"  # its state directory
ENVIRONMENT: Final[Mapping[str, str]] = {
    # A node counts as gone after 1.6 s without its process and 4.7 s behind a partition, instead of 16 s and 66 s.
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    # Our processes serve people: not below other programs (15 is Ray's), not the first to be killed for memory (1000).
    "RAY_worker_niceness": "0",
    "RAY_worker_oom_score_adjustment": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # kills workers at 95 % of the machine's memory, page cache or not
    # A warm spare process: one that died is back after 0.1 s instead of 0.6 s. They never idle out.
    "RAY_enable_worker_prestart": "1",
    "RAY_num_workers_soft_limit": "3",
    "RAY_idle_worker_killing_time_threshold_ms": "86400000",
    "RAY_prestart_worker_first_driver": "0",  # one for each processor, for a driver that runs no tasks
    # What nobody looks at: idle processor time and memory. Our own metrics and logs are cluster/observe's.
    "RAY_enable_metrics_collection": "0",
    "RAY_event_stats": "0",
    "RAY_task_events_report_interval_ms": "0",
    "RAY_enable_timeline": "0",
    "RAY_USAGE_STATS_ENABLED": "0",  # tells nobody
    "RAY_DEDUP_LOGS": "0",
    # What processes print before their own log is set up; without a limit these files grow for ever.
    "RAY_ROTATION_MAX_BYTES": "16777216",
    "RAY_ROTATION_BACKUP_COUNT": "2",
    # The head's memory on disk: back after a restart with the same actors, names and nodes. In memory it forgets them,
    # and 40 s of two owners were measured.
    "RAY_gcs_storage": "rocksdb",
    # Nodes wait for a head that is being restarted, or moved to another machine, before they give up and end.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
    # A connection to a machine that went without a word is found out. Ray's default is 10 s and 20 s.
    "RAY_grpc_client_keepalive_time_ms": "5000",
    "RAY_grpc_client_keepalive_timeout_ms": "5000",
    "RAY_raylet_liveness_self_check_interval_ms": "5000",  # one that was given up learns it and ends, instead of 60 s
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "1",  # our actors never count as idle; `rookery node` has drained them
    "RAY_AUTH_MODE": "token",  # else whoever reaches a port runs code as our user
    # Of `ray up`'s two monitors the older: the newer (Ray 2.60) has no note of a head on a machine of people's own,
    # counts it among the workers and starts one too few.
    "RAY_enable_autoscaler_v2": "0",
    "RAY_START_HOOK": "cluster.hosting.ray.environment.without_client",
    GRPC: "",  # Ray's own gRPC as Ray ships it; what we choose for ours is not inherited
}
# 75 MiB is Ray's least; we send nothing through it.
OBJECT_STORE_BYTES: Final = 80_000_000
RESOURCE_GATEWAY: Final = "rookery_gateway"
RESOURCE_SHARD: Final = "rookery_shard"
TOKEN_MODE: Final = 0o600


def without_client(params: object, head: bool) -> None:  # noqa: ARG001 (Ray's RAY_START_HOOK)
    """Start no Ray Client server: a process and a port (10001) that nobody here uses. What this import of ours has
    chosen for our gRPC is not for what `ray start` starts."""
    params.ray_client_server_port = None  # type: ignore[attr-defined]
    os.environ[GRPC] = ""


def token_file(settings: RaySettings) -> Path:
    """Where the token is."""
    return Path(settings.token_file) if settings.token_file else Path(settings.state) / "ray-token"


def session(settings: RaySettings) -> Path:
    """Where Ray keeps sockets, logs, and a note of where its head is."""
    return Path(settings.state) / "session"


def head_address(settings: RaySettings) -> str:
    """Where the head is of this machine's node, HOST:PORT; empty where none has run."""
    return _noted(session(settings))


def any_head_address(settings: RaySettings) -> str:
    """The same, or of a Ray that was started by other means: RAY_ADDRESS, or what a plain `ray start` has noted.

    Ray's own search looks through all processes and takes any Ray that it meets; this takes none that is not named.
    """
    plain = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray")  # noqa: S108 (Ray's own folder, only read)
    return head_address(settings) or os.environ.get("RAY_ADDRESS", "") or _noted(plain)


def _noted(folder: Path) -> str:
    """What Ray has noted in the folder of its sockets and logs."""
    try:
        return (folder / "ray_current_cluster").read_text().strip()
    except FileNotFoundError:
        return ""


def client_environment(settings: RaySettings) -> dict[str, str]:
    """What a program needs that connects to Ray. Raises Misconfigured when there is no token."""
    token = token_file(settings)
    if not token.is_file():
        raise Misconfigured(
            f"There is no Ray token {token}: copy it from the head's machine, with mode 0600, or start a head here "
            "(`rookery node --head`), which makes one."
        )
    if token.stat().st_mode & 0o037:  # a group may read it: Kubernetes gives mounted secrets to one
        raise Misconfigured(f"Others may read the Ray token {token}: chmod 600 it.")
    made = {
        key: value
        for key, value in ENVIRONMENT.items()
        if key not in ("RAY_START_HOOK", "RAY_gcs_storage") and not key.startswith("RAY_health")
    }
    made["RAY_AUTH_TOKEN_PATH"] = str(token)
    if settings.tls_certificate:
        made |= {
            "RAY_USE_TLS": "1",
            "RAY_TLS_SERVER_CERT": settings.tls_certificate,
            "RAY_TLS_SERVER_KEY": settings.tls_key,
            "RAY_TLS_CA_CERT": settings.tls_authority,
        }
    return made


def node_environment(settings: RaySettings, *, node: str, host: str, path: str) -> dict[str, str]:
    """What `ray start` is given beside what is in the environment; `path` is PYTHONPATH. Raises Misconfigured."""
    made = dict(ENVIRONMENT) | client_environment(settings)
    made |= {
        "RAY_gcs_storage_path": str(Path(settings.state) / "control"),
        "PYTHONPATH": path,
        NODE: node,
        STATE: settings.state,
    }
    return made | ({HOST: host} if host else {})


def flags(settings: RaySettings, *, node: str, host: str, head: str, autoscaling: str = "") -> list[str]:
    """The arguments of `ray start`; `head` is HOST:PORT of the head, empty on the head itself. `autoscaling`: what
    `ray up` wrote for the head."""
    made = ["--head", f"--port={settings.port}"] if not head else [f"--address={head}"]
    if not head:
        # The dashboard and the autoscaler's monitor: 250 MiB that serve nothing here. But under `ray up` it is the
        # monitor that starts the other machines' nodes.
        monitor = f"--autoscaling-config={autoscaling}" if autoscaling else "--no-monitor"
        made += ["--include-dashboard=false", "--disable-usage-stats", monitor]
    made += [
        f"--node-name={node}",
        f"--temp-dir={session(settings)}",
        f"--object-store-memory={OBJECT_STORE_BYTES}",
        f"--resources={json.dumps(resources(settings))}",
        f"--min-worker-port={settings.worker_port_min}",
        f"--max-worker-port={settings.worker_port_max}",
        "--dashboard-agent-listen-port=0",  # not the fixed 52365: several nodes may be on one machine
        "--include-log-monitor=false",  # sends logs to drivers; ours go where the settings say
    ]
    return made + ([f"--node-ip-address={host}"] if host else [])


def resources(settings: RaySettings) -> dict[str, int]:
    """What this node may have, as the supervisor reads it from Ray's list of nodes, where 0 is left out."""
    return {RESOURCE_GATEWAY: settings.gateways, RESOURCE_SHARD: settings.shards}


def python_path() -> str:
    """Where this code's packages are, for the workers: the checkout, or the folder of the installed wheel."""
    import cluster
    import wire

    found = (str(Path(package.__path__[0]).parent) for package in (wire, cluster))
    return os.pathsep.join(dict.fromkeys(found))


def ray_command() -> str:
    """The `ray` beside this Python. Raises Misconfigured when Ray is not installed."""
    command = Path(sys.executable).with_name("ray")
    if not command.exists():
        raise Misconfigured("Ray is not installed here: pip install 'rookery[cluster]', or use ./rookery.")
    return str(command)

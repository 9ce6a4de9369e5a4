"""What a cluster stands on, as real programs of this host: PostgreSQL and etcd, in a directory of the benchmark's.

The law: both write to disk before they say yes, as an operator would run them; what else is set is written here. Each
ends with the process that started it, whatever happens to that.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cluster.errors import Misconfigured
from cluster.membership.settings import EtcdSettings
from cluster.meta.settings import PostgresqlSettings
from ops import parts

HOST: Final = "127.0.0.1"
START_S_MAX: Final = 30.0
STOP_S_MAX: Final = 30.0
CONNECTIONS_MAX: Final = 400  # each process of the cluster may have 17
SHARED_BUFFERS: Final = "512MB"  # Debian's 128 MB is for machines of long ago
USER: Final = "postgres"  # the server refuses to run as root
COUNTING: Final = "pg_stat_statements"  # tells how often each statement ran; part of Debian's package


class Service(NamedTuple):
    """A program that runs."""

    process: "subprocess.Popen[bytes]"
    port: int


def missing() -> str:
    """Why a cluster cannot be measured here; empty if it can."""
    absent = [name for name in ("etcd", "postgresql") if parts.find(name) is None]
    return ", ".join(parts.skip_reason(name) for name in absent)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def postgresql(directory: Path) -> Iterator[Service]:
    """A server with fsync on, over TCP, in a directory that others may pass. Raises Misconfigured."""
    programs = _program("postgresql").parent
    data = directory / "postgresql"
    data.mkdir()
    if os.geteuid() == 0:
        shutil.chown(data, USER, USER)
    make = ["initdb", "-D", str(data), "-U", "rookery", "-A", "trust", "-E", "UTF8", "--locale=C"]
    subprocess.run(_as_user(programs, make), check=True, capture_output=True, cwd="/")
    port = free_port()
    settings = {
        "listen_addresses": HOST,
        "port": port,
        "unix_socket_directories": "",
        "max_connections": CONNECTIONS_MAX,
        "shared_buffers": SHARED_BUFFERS,
        "shared_preload_libraries": COUNTING,
    }
    command = ["postgres", "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())]
    with _running(_as_user(programs, command), directory / "postgresql.log", signal.SIGINT) as process:
        ready = [str(programs / "pg_isready"), "-q", "-h", HOST, "-p", str(port)]
        _await(process, lambda: subprocess.run(ready, check=False).returncode == 0, directory / "postgresql.log")
        yield Service(process, port)


def postgresql_settings(port: int) -> PostgresqlSettings:
    """How to reach it."""
    return PostgresqlSettings(host=HOST, port=port, database="postgres", user="rookery")


@contextlib.contextmanager
def etcd(directory: Path) -> Iterator[Service]:
    """One member, on disk. Raises Misconfigured."""
    client, peer = (f"http://{HOST}:{free_port()}" for _ in range(2))
    command = [str(_program("etcd")), "--data-dir", str(directory / "etcd"), "--logger", "zap", "--log-level", "warn"]
    command += ["--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer]
    command += ["--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"]
    port = int(client.rpartition(":")[2])
    with _running(["setpriv", "--pdeathsig=KILL", *command], directory / "etcd.log", signal.SIGTERM) as process:
        _await(process, lambda: _listens(port), directory / "etcd.log")
        yield Service(process, port)


def etcd_settings(port: int) -> EtcdSettings:
    """How to reach it."""
    return EtcdSettings(endpoints=(f"http://{HOST}:{port}",))


def stop(process: "subprocess.Popen[bytes]", how: signal.Signals = signal.SIGTERM) -> None:
    """End it, at once if it takes too long."""
    process.send_signal(how)
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _program(name: str) -> Path:
    found = parts.find(name)
    if found is None:
        raise Misconfigured(parts.skip_reason(name))
    return found


def _as_user(programs: Path, command: list[str]) -> list[str]:
    whole = [str(programs / command[0]), *command[1:]]
    if os.geteuid() == 0:
        return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "--pdeathsig=QUIT", *whole]
    return ["setpriv", "--pdeathsig=QUIT", *whole]


@contextlib.contextmanager
def _running(command: list[str], log: Path, how: signal.Signals) -> "Iterator[subprocess.Popen[bytes]]":
    """In a session of its own, so that a Ctrl-C reaches it by us."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd="/", start_new_session=True)
    try:
        yield process
    finally:
        stop(process, how)


def _await(process: "subprocess.Popen[bytes]", ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_S_MAX
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{log.stem} did not come up:\n" + log.read_text(errors="replace")[-2000:])
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False

"""Several `rookery node`s on this machine, each with its own state directory and name, which speak to each other by
TLS; every wait is bounded."""

import datetime as dt
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cluster.authority import issue, make_authority
from tests.running import ROOT, free_ports

HOST: Final = "127.0.0.1"
UP_S: Final = 40.0
WAIT_S: Final = 30.0
POLL_S: Final = 0.05
PORTS_EACH: Final = 60
_PORTS_FIRST: Final = 21_000


def own_address() -> str:
    """The one that Ray takes this machine by, also where it is told 127.0.0.1."""
    with socket.socket(type=socket.SOCK_DGRAM) as towards:
        try:
            towards.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return HOST
        return str(towards.getsockname()[0])


@dataclass
class Machines:
    """Nodes by name; `folder` holds all of it and is short, for Ray's sockets."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="rk", dir="/tmp")))
    port: int = 0
    nodes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        now = dt.datetime.now(dt.UTC)
        self._authority = make_authority(self.folder / "keys", now)
        self._pair = issue(self.folder / "keys", "ray", "ray", now, (own_address(),))

    def config(self, name: str) -> Path:
        """The node's settings file."""
        path = self.folder / f"{name}.toml"
        if not self.port:
            self.port = next(port for port in free_ports(50) if not _PORTS_FIRST <= port < 32_000)
        first = _PORTS_FIRST + (self.port * 7 + len(list(self.folder.glob("*.toml"))) * PORTS_EACH) % 10_000
        if not path.exists():
            path.write_text(
                f'folder = "{self.folder}"\n[cluster]\nname = "t{self.port}"\nnode = "{name}"\n'
                f'[cluster.ray]\nstate = "{self.folder}/{name}"\nport = {self.port}\n'
                f'token_file = "{self.folder}/token"\n'
                f'tls_certificate = "{self._pair.certificate}"\ntls_key = "{self._pair.key}"\n'
                f'tls_authority = "{self._authority.certificate}"\n'
                f"worker_port_min = {first}\nworker_port_max = {first + PORTS_EACH}\n"
            )
        return path

    def start(self, name: str, *more: str) -> None:
        """Start a node; the first is the head. Returns when it is up."""
        config = self.config(name)
        head = ["--head"] if not self.nodes else ["--join", f"{HOST}:{self.port}"]
        self._run(name, config, *head, *more)

    def restart_head(self, name: str) -> None:
        """Start the head again on what it left."""
        self._run(name, self.config(name), "--head")

    def _run(self, name: str, config: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.ray.keep", str(config), *arguments]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.nodes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=ROOT, env=os.environ | {"PYTHONPATH": f"{ROOT / 'proto'}:{ROOT}"}
            )
        self.wait(lambda: (self.folder / name / "ready").exists() or self.nodes[name].poll() is not None, UP_S)
        assert self.nodes[name].poll() is None, self.told(name)

    def told(self, name: str) -> str:
        """What the node printed."""
        log, ray = self.folder / f"{name}.log", self.folder / name / "ray.log"
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in (log, ray) if path.exists())

    def wait(self, condition: Callable[[], object], seconds: float = WAIT_S) -> None:
        """Until it holds. Raises AssertionError."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "waited in vain"
            time.sleep(POLL_S)

    def stop(self, name: str) -> int:
        """SIGTERM; the exit code."""
        self.nodes[name].send_signal(signal.SIGTERM)
        return self.nodes[name].wait(60)

    def close(self) -> None:
        """Stop every node, members first."""
        for name in reversed(self.nodes):
            if self.nodes[name].poll() is None:
                self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

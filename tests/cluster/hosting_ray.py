"""Runs the processes of a test cluster on Ray, by the commands people use: `rookery node` for each, `rookery up` once.

The head is a node of its own without gateways and shards, so that it can be killed alone. The law: what is killed is
looked up among the children of this test's own processes.
"""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cluster.hosting.ray import records
from ops.bench.processes import everyone, tree
from tests.cluster.hosting import Node, kill
from tests.cluster.observer import wait_for
from tests.load.ledger import Broken
from tests.running import ROOT, environment, free_ports

HEAD: Final = "head"
UP_S_MAX: Final = 90.0
STOP_S_MAX: Final = 60.0
PORTS_EACH: Final = 60  # for the workers of one node
PORTS_FIRST: Final = 20_100
PORTS_LAST: Final = 31_000
POLL_S: Final = 0.05


class Ray:
    """A head, and a Ray node for each node."""

    alike = True  # all nodes read one file, so all gateways have the same ports

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logs = folder / "logs"
        self._logs.mkdir()
        # Ray's sockets are in it, whose paths have a limit.
        self._states = Path(tempfile.mkdtemp(prefix="rk", dir="/tmp"))
        self._keepers: dict[str, subprocess.Popen[bytes]] = {}
        self._head: Node | None = None
        self._port = next(port for port in free_ports(50) if not PORTS_FIRST <= port < PORTS_LAST)
        self._made = 0
        self._is_up = False

    def settings(self, node: str, host: str) -> str:
        """TOML of `[cluster]` and of the log; `node`: empty for the file that all processes read."""
        named = f'node = "{node}"\nhost = "{host}"\n' if node else ""
        first = PORTS_FIRST + (self._port * 7 + self._made * PORTS_EACH) % (PORTS_LAST - PORTS_FIRST)
        self._made += 1
        runs = "gateways = 0\nshards = 0\n" if node == HEAD else "gateways = 1\nshards = 8\n"
        return (
            f'[log]\nlevel = "info"\nform = "json"\nfile = "{self._logs / "all.log"}"\n'
            f'[cluster]\nname = "test"\n{named}'
            f'[cluster.ray]\nstate = "{self._states / (node or HEAD)}"\nport = {self._port}\n'
            f'token_file = "{self._states / "token"}"\n{runs}'
            f"worker_port_min = {first}\nworker_port_max = {first + PORTS_EACH}\n"
        )

    def start_head(self, node: Node) -> None:
        """Start the head, or start it again on what it left."""
        self._head = node
        self._keep(node, "--head")

    def start(self, node: Node, roles: Sequence[str]) -> None:
        """Of Hosting. Which processes a node has is what the cluster wants, `roles` or not."""
        assert self._head is not None
        self._keep(node, "--join", f"{self._head.host}:{self._port}")

    def up(self, config: Path) -> None:
        """`rookery up`, once."""
        assert self._head is not None
        address = f"{self._head.host}:{self._port}"
        command = [sys.executable, "-m", "ops.cli", "up", "--config", str(config), "--address", address]
        done = subprocess.run(
            [*_inside(self._head), *command],
            env=environment(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=UP_S_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def stop(self, node: Node) -> None:
        """Of Hosting."""
        keeper = self._keepers.pop(node.name)
        keeper.send_signal(signal.SIGTERM)
        if code := keeper.wait(STOP_S_MAX):
            raise Broken(f"the node {node.name} was asked to stop and ended with {code}: {self._said(node.name)}")

    def kill(self, node: Node) -> None:
        """Of Hosting: the raylet and everything on it."""
        keeper = self._keepers.pop(node.name)
        for process in tree([keeper.pid], everyone()):
            kill(process.pid)
        keeper.wait(STOP_S_MAX)

    def raylet(self, node: Node) -> int:
        """The raylet's process of a node."""
        everybody = tree([self._keepers[node.name].pid], everyone())
        return next(process.pid for process in everybody if _program(process.pid).endswith("/raylet"))

    def gone(self, node: Node) -> None:
        """Wait until a node whose raylet died has ended by itself, with all its processes."""
        self._keepers.pop(node.name).wait(STOP_S_MAX)
        wait_for(lambda: ", ".join(records.living(self._states / node.name)), STOP_S_MAX)

    def pids(self) -> dict[str, int]:
        """Of Hosting."""
        return {
            name: record.pid
            for node in list(self._keepers)
            for name, record in records.living(self._states / node).items()
        }

    def logs(self) -> list[Path]:
        """Of Hosting."""
        return sorted([*self._logs.iterdir(), *self._states.glob("*/session/session_*/logs/worker-*.err")])

    def close(self) -> None:
        """Of Hosting. Ray's processes end when their keepers say so, or are killed."""
        running = tree([keeper.pid for keeper in self._keepers.values()], everyone())
        for process in running:
            kill(process.pid)
        for keeper in self._keepers.values():
            keeper.wait(STOP_S_MAX)
        self._keepers.clear()

    def _keep(self, node: Node, *arguments: str) -> None:
        command = [sys.executable, "-m", "ops.cli", "node", "--config", str(node.config), *arguments]
        ready = self._states / node.name / "ready"
        ready.unlink(missing_ok=True)
        with (self._logs / f"node-{node.name}.log").open("ab") as log:
            keeper = subprocess.Popen(
                [*_inside(node), "setpriv", "--pdeathsig=TERM", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                cwd=ROOT,
                start_new_session=True,
            )
        self._keepers[node.name] = keeper
        until = time.monotonic() + UP_S_MAX
        while not ready.exists():
            assert keeper.poll() is None, self._said(node.name)
            assert time.monotonic() < until, self._said(node.name)
            time.sleep(POLL_S)

    def _said(self, name: str) -> str:
        paths = (self._logs / f"node-{name}.log", self._states / name / "ray.log")
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in paths if path.exists())


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    except OSError:
        return ""


def _inside(node: Node) -> list[str]:
    return ["ip", "netns", "exec", node.namespace] if node.namespace else []

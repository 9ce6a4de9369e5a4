"""Runs the processes of a test cluster: each role a process that is started again when it ends, as Ray would.

The law: no process outlives the cluster, nor the process that made it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from tests.load.ledger import Broken
from tests.running import environment

RESTART_S: Final = 0.3  # Ray's 0.45-0.77 s (ray.md) without the 0.3 s that a process of Ray's takes to come up
LOOK_S: Final = 0.02
STOP_S_MAX: Final = 30.0


@dataclass
class Node:
    """One machine, as far as a test has several. `namespace`: of the network; empty for the machine's own."""

    name: str
    host: str
    ports: dict[str, int]
    config: Path
    namespace: str = ""


class Hosting(Protocol):
    """What runs the processes of nodes. Process names are ROLE-NODE-NUMBER."""

    alike: bool  # whether all gateways have the same ports

    def settings(self, node: str, host: str) -> str:
        """TOML of `[cluster]`, `[cluster.ray]` and `[log]` for a node; with two empty strings, for any."""
        ...

    def start(self, node: Node, roles: Sequence[str]) -> None:
        """Start the node with these processes."""
        ...

    def stop(self, node: Node) -> None:
        """Stop the node in order: its processes drain. Returns when they have. Raises Broken when one does not."""
        ...

    def kill(self, node: Node) -> None:
        """End everything on the node at once."""
        ...

    def pids(self) -> dict[str, int]:
        """The processes that run now."""
        ...

    def logs(self) -> list[Path]:
        """Where the processes log."""
        ...

    def close(self) -> None:
        """End everything."""
        ...


@dataclass
class _Process:
    node: Node
    command: list[str]
    log: Path
    popen: "subprocess.Popen[bytes] | None" = None
    start_at: float = 0.0
    ends: list[int] = field(default_factory=list)  # exit codes, bounded by the length of a test


class Processes:
    """Plain processes, and a thread that starts them again."""

    alike = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "logs"
        self._folder.mkdir()
        self._wanted: dict[str, _Process] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        # The kernel ends them when the thread that started them ends: so all are started by this one.
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def settings(self, node: str, host: str) -> str:
        """Of Hosting."""
        return f'[log]\nlevel = "info"\nform = "json"\n[cluster]\nname = "test"\nnode = "{node}"\nhost = "{host}"\n'

    def start(self, node: Node, roles: Sequence[str]) -> None:
        """Of Hosting."""
        with self._lock:
            for role in roles:
                name = f"{role}-{node.name}-1"
                command = [sys.executable, "-m", "tests.cluster.hosted", role, name, node.name, node.host]
                self._wanted[name] = _Process(node, [*command, str(node.config)], self._folder / f"{name}.log")

    def stop(self, node: Node) -> None:
        """Of Hosting."""
        leaving = self._forget(node)
        for process in leaving:
            process.send_signal(signal.SIGTERM)
        for process in leaving:
            try:
                code = process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code:
                raise Broken(f"{process.args!r} was asked to stop and ended with {code}")

    def kill(self, node: Node) -> None:
        """Of Hosting."""
        leaving = self._forget(node)
        for process in leaving:
            process.kill()
        for process in leaving:
            process.wait()

    def pids(self) -> dict[str, int]:
        """Of Hosting."""
        with self._lock:
            return {name: each.popen.pid for name, each in self._wanted.items() if each.popen is not None}

    def logs(self) -> list[Path]:
        """Of Hosting."""
        return sorted(self._folder.iterdir())

    def close(self) -> None:
        """Of Hosting."""
        self._closing.set()
        self._thread.join()
        with self._lock:
            running = [each.popen for each in self._wanted.values() if each.popen is not None]
            self._wanted.clear()
        for process in running:
            process.kill()
        for process in running:
            process.wait()

    def _forget(self, node: Node) -> "list[subprocess.Popen[bytes]]":
        with self._lock:
            leaving = {name: each for name, each in self._wanted.items() if each.node.name == node.name}
            for name in leaving:
                del self._wanted[name]
        return [each.popen for each in leaving.values() if each.popen is not None]

    def _watch(self) -> None:
        while not self._closing.wait(LOOK_S):
            with self._lock:
                for each in self._wanted.values():
                    if each.popen is None:
                        if time.monotonic() >= each.start_at:
                            each.popen = self._spawn(each)
                    elif (code := each.popen.poll()) is not None:
                        each.ends.append(code)
                        each.popen = None
                        each.start_at = time.monotonic() + RESTART_S
        # Not left before everything has ended: `close` kills what is there, and the kernel the rest.

    def _spawn(self, process: _Process) -> "subprocess.Popen[bytes]":
        inside = ["ip", "netns", "exec", process.node.namespace] if process.node.namespace else []
        with process.log.open("ab") as log:
            return subprocess.Popen(
                [*inside, "setpriv", "--pdeathsig=KILL", *process.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(PYTHONFAULTHANDLER="1"),
                cwd=Path(__file__).parent.parent.parent,
            )


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """A signal to one process, which may have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass

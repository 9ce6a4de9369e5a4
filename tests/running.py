"""A real server in a process of its own, for tests that break it the way users would.

`Running.start` gives a server on free loopback ports with two accounts; it can be killed, stopped and started again on
the same data. Every wait is bounded.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
START_S_MAX: Final = 30.0
STOP_S_MAX: Final = 30.0
DOMAIN: Final = "example.test"
PASSWORD: Final = "demo"
PROTOCOLS: Final = {
    "smtp": ("smtp", "starttls"),
    "submission": ("submission", "starttls"),
    "submissions": ("submission", "implicit"),
    "lmtp": ("lmtp", "none"),
    "imap": ("imap", "starttls"),
    "imaps": ("imap", "implicit"),
    "pop3": ("pop3", "starttls"),
    "pop3s": ("pop3", "implicit"),
    "http": ("http", "none"),
}


_FURNISH: Final = """
import asyncio, os, pathlib, sys
from cluster.config import load
from ops.cli.alone import furnish
from ops.core import opened
from ops.settings import Settings

async def main():
    settings = load(Settings, pathlib.Path(sys.argv[1]), os.environ)
    async with opened(pathlib.Path(settings.data), settings.store, settings.directory) as core:
        await furnish(core)

asyncio.run(main())
"""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def environment(**more: str) -> dict[str, str]:
    """What a child process needs to find the code."""
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'proto'}:{ROOT}", **more}


@dataclass
class Running:
    """A server on `data`; its ports by name (PROTOCOLS)."""

    data: Path
    settings: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "Running":
        """Start, and wait until it serves. Raises RuntimeError with what it printed if it does not."""
        self.launch()
        self._wait()
        return self

    def launch(self) -> None:
        """Start, and do not wait."""
        self.data.mkdir(parents=True, exist_ok=True)
        if not self.ports:
            self.ports = dict(zip(PROTOCOLS, free_ports(len(PROTOCOLS)), strict=True))
        config = self.data / "test.toml"
        config.write_text(self._toml())
        if not (self.data / "store").exists():
            subprocess.run([sys.executable, "-c", _FURNISH, str(config)], env=environment(), check=True, timeout=60)
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", "alone", "--config", str(config)],
                stdout=output,
                stderr=output,
                env=environment(),
                cwd=self.data,
            )

    def kill(self) -> None:
        """kill -9."""
        self._signal(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        return self._signal(signal.SIGTERM)

    @property
    def output(self) -> Path:
        """What it printed and logged."""
        return self.data / "output.log"

    def _signal(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(STOP_S_MAX)
        self.process = None
        return code

    def _wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports["http"]), 1) as http:
                http.sendall(b"GET /healthz/ready HTTP/1.1\r\nHost: x\r\n\r\n")
                if http.recv(100).startswith(b"HTTP/1.1 200"):
                    return
            time.sleep(0.05)
        raise RuntimeError("the server did not come up:\n" + self.output.read_text(errors="replace")[-4000:])

    def _toml(self) -> str:
        listeners = "".join(
            f'[[listen]]\nprotocol = "{protocol}"\nport = {self.ports[name]}\ntls = "{tls}"\n'
            for name, (protocol, tls) in PROTOCOLS.items()
        )
        return f'hostname = "mx.{DOMAIN}"\ndata = "{self.data}"\n{listeners}{self.settings}'

"""A real PostgreSQL for the tests: made in a temporary folder, on a Unix socket of its own, gone with the process.

The law: fsync stays on, and no server outlives the process that started it.
"""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Final

from cluster.meta.settings import PostgresqlSettings
from ops import parts
from ops.bench.processes import everyone, tree

PART: Final = "postgresql"
SOCKET: Final = "ROOKERY_TEST_POSTGRESQL"  # programs that a test starts find its server by this
START_S: Final = 30.0
_USER: Final = "postgres"  # the server refuses to run as root


class Server:
    """A server that can be stopped, killed and started again on its data."""

    def __init__(self, *, address: str = "", port: int = 5432) -> None:
        """`address`: where it also listens on TCP, trusting everybody; else it is reached by its socket alone."""
        program = parts.find(PART)
        assert program, "mark the test with pytest.mark.part('postgresql')"
        self._programs = program.parent
        self.folder = Path(tempfile.mkdtemp(prefix="rookery-pg-"))  # short: a socket's path has a limit
        if os.geteuid() == 0:
            shutil.chown(self.folder, _USER, _USER)
        self._data = self.folder / "data"
        self._port = str(port)
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None
        command = ["initdb", "-D", str(self._data), "-U", "rookery", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(self._as_user(*command, "--locale=C"), check=True, capture_output=True, cwd="/")
        if address:
            with (self._data / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {address}/8 trust\n")
        self.start()

    def start(self, *settings: str) -> None:
        """Start, and wait until it answers. In the main thread only: the server ends with the thread that made it."""
        # -F would turn fsync off; it is on unless said otherwise.
        command = ["postgres", "-D", str(self._data), "-k", str(self.folder), "-p", self._port]
        command += ["-c", f"listen_addresses={self._address}"]
        self._process = subprocess.Popen(
            self._as_user(*command, *(word for setting in settings for word in ("-c", setting))),
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("ab"),
            cwd="/",
        )
        until = time.monotonic() + START_S
        asking = [str(self._programs / "pg_isready"), "-q", "-h", str(self.folder), "-p", self._port]
        while subprocess.run(asking, check=False).returncode:
            assert time.monotonic() < until, (self.folder / "log").read_text()[-2000:]
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT closes all connections and writes a checkpoint, SIGQUIT nothing of that."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """`kill -9` of the server and all its processes, as when the machine goes."""
        assert self._process is not None
        self.signal_all(signal.SIGKILL)
        self._process.wait()
        self._process = None
        # Its shared memory is free only when the last of its processes has ended.
        time.sleep(0.1)

    def signal_all(self, number: signal.Signals) -> None:
        """Stop or continue the server with all its processes."""
        assert self._process is not None
        for process in tree([self._process.pid], everyone()):
            os.kill(process.pid, number)

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def settings(self, schema: str) -> PostgresqlSettings:
        """How to reach it."""
        return settings_at(self.folder, schema)

    def _as_user(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            become = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--init-groups", "--pdeathsig=QUIT"]
            return [*become, *command]
        return ["setpriv", "--pdeathsig=QUIT", *command]


def settings_at(folder: Path, schema: str) -> PostgresqlSettings:
    return PostgresqlSettings(host=str(folder), database="postgres", user="rookery", schema=schema)


@cache
def shared_folder() -> Path:
    """The socket's folder of the one server that this process and those it starts share."""
    if found := os.environ.get(SOCKET):
        return Path(found)
    server = Server()
    atexit.register(server.remove)
    os.environ[SOCKET] = str(server.folder)
    return server.folder

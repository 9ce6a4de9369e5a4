"""A real MinIO for the tests: in a temporary folder, on a free port, with keys of its own, gone with the process.

The law: no server outlives the process that started it.
"""

import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from msgspec import structs

from cluster.blobs.settings import S3Settings
from cluster.config.secret import Secret
from ops import parts

PART: Final = "minio"
START_S: Final = 60.0
USER: Final = "rookery-test"


class Server:
    """A server that can be stopped, hung, killed and started again on its data."""

    def __init__(
        self, disk: Path | None = None, certificates: Path | None = None, *, address: str = "127.0.0.1"
    ) -> None:
        """`disk`: where its data goes. `certificates`: a folder with public.crt and private.key, for TLS. `address`:
        where it listens."""
        program = parts.find(PART)
        assert program, "mark the test with pytest.mark.part('minio')"
        self._program = program
        self.folder = Path(tempfile.mkdtemp(prefix="rookery-minio-"))
        self.address = address
        self._disk = disk or self.folder / "data"
        self._certificates = certificates
        self.password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server((address, 0)) as listening:
            self.port: int = listening.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers. In the main thread only: the server ends with the thread that made it."""
        command = [str(self._program), "server", "--quiet", "--address", f"{self.address}:{self.port}"]
        command += ["--certs-dir", str(self._certificates or self.folder / "certs")]
        keys = {"MINIO_ROOT_USER": USER, "MINIO_ROOT_PASSWORD": self.password, "MINIO_BROWSER": "off"}
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", *command, str(self._disk)],
            env=os.environ | keys | {"HOME": str(self.folder), "MINIO_UPDATE": "off", "GOMAXPROCS": "2"},
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("ab"),
        )
        until = time.monotonic() + START_S
        while not self._is_ready():
            assert time.monotonic() < until, (self.folder / "log").read_text()[-2000:]
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP hangs it, SIGCONT lets it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Kill it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def settings(self, bucket: str, port: int | None = None) -> S3Settings:
        """How to reach it, impatiently."""
        scheme = "https" if self._certificates else "http"
        return structs.replace(
            S3Settings(),
            endpoints=(f"{scheme}://{self.address}:{port or self.port}",),
            bucket=bucket,
            make_bucket=True,
            access_key=Secret(USER),
            secret_key=Secret(self.password),
        )

    def _is_ready(self) -> bool:
        kind = http.client.HTTPSConnection if self._certificates else http.client.HTTPConnection
        connection = kind(self.address, self.port, timeout=2)
        try:
            connection.request("GET", "/minio/health/ready")
            return connection.getresponse().status == 200
        except http.client.HTTPException:
            return False
        except OSError as error:  # a certificate that this check does not know is an answer too
            return "CERTIFICATE_VERIFY_FAILED" in str(error)
        finally:
            connection.close()

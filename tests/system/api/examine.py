"""Schemathesis over the HTTP API of a running server: what the description says is asked, and asked wrongly, and what
is answered is held against it. In the suite a little of it (test_description.py); for a person all of it:

    python -m tests.system.api.examine [examples of each operation]
"""

import base64
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from actors.queue.types import Envelope, Recipient
from actors.report.types import Received
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
from ops.core import Core
from tests.peopled import HOST, SETTINGS, Peopled, peopled
from tests.running import PASSWORD, environment, free_ports

ADMINISTRATOR: Final = "anna@example.test"
TOKEN: Final = "0123456789abcdef" * 2
BASIC: Final = "Basic " + base64.b64encode(f"{ADMINISTRATOR}:{PASSWORD}".encode()).decode()
# Left out: that what fits the schema is taken. The directory has rules that no schema can say.
LEFT_OUT: Final = "positive_data_acceptance"


class Served(Peopled):
    """A server with the API."""

    port = 0

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"https://{HOST}:{self.port}/api/v1"


@contextmanager
def served(folder: Path, *, writes: bool) -> Iterator[Served]:
    """One with an administrator."""
    (port,) = free_ports(1)
    settings = (
        f'{SETTINGS}[[listen]]\nprotocol = "https"\nport = {port}\n[web]\nlogin_failure_delay_s = 0.0\n'
        f'[api]\nenabled = true\nwrites = {str(writes).lower()}\n[admin]\ntoken = "{TOKEN}"\n'
        "[logins]\nfailures_per_name_max = 0\nfailures_known_max = 0\n"
    )
    with peopled(folder, settings, _appoint) as server:
        found = Served(server.running)
        found.port = port
        yield found


async def _appoint(core: Core) -> None:
    """Somebody to ask, and what the description's examples name."""
    directory = core.directory
    await directory.set_administrator(ADMINISTRATOR, True)
    await directory.add_domain("example.org")
    alice = await directory.add_account("alice@example.org", PASSWORD)
    await directory.add_alias("info@example.org", [alice.login])
    await directory.add_list("news@example.org", [alice.login])
    await directory.add_group("sales@example.org", [alice.login])
    await directory.add_dkim_key("example.org", algorithm="ed25519-sha256", selector="s1")
    mail = Envelope("a.example", alice.login, (Recipient("you@a.example"),), digest_of(b"x"), 1)
    await core.queue.enqueue(mail, b"1", pack(b"x"), hold="a test")
    now_ms = core.clock.now_ms()
    about = ("example.org", "Org", "y.example", "r1", 1, 2, 10, 3)
    await core.reports.keep(Received(b"r" * 16, now_ms, "dmarc", *about, (("192.0.2.1", 3),), "i.1", ()))


def examine(server: Served, authorization: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """A run of it."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
        *("--tls-verify", str(server.certificate), "--header", f"Authorization: {authorization}"),
        *("--exclude-checks", LEFT_OUT, "--continue-on-failure", "--no-color", *options),
    ]
    with tempfile.TemporaryDirectory() as folder:  # it leaves files where it runs
        return subprocess.run(
            command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=3600, check=False
        )


def main() -> None:
    """Read and write, with as many examples as are wanted."""
    examples = sys.argv[1] if len(sys.argv) > 1 else "200"
    for writes, authorization in ((False, BASIC), (True, f"Bearer {TOKEN}")):
        with tempfile.TemporaryDirectory() as folder, served(Path(folder), writes=writes) as server:
            done = examine(server, authorization, "--max-examples", examples)
            print(done.stdout, done.stderr)
            print(server.running.output.read_text()[-20_000:] if os.environ.get("SHOW_LOG") else "")
            if done.returncode:
                sys.exit(done.returncode)


if __name__ == "__main__":
    main()

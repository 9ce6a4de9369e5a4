"""An import that is killed again and again: each message is there once, byte for byte."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.admin.server import SOCKET, AdminServer
from ops.core import opened
from ops.transfer.maildir import Maildir
from tests.running import environment

MESSAGES = 2000
KILLS = 4
WAIT_S_MAX = 60.0

pytestmark = pytest.mark.kill


def content(number: int) -> bytes:
    body = random.Random(number).randbytes(600).hex()
    return f"Subject: message {number}\n\n{body}\nFrom here\n".encode()


def mbox(path: Path) -> Path:
    with path.open("wb") as file:
        for number in range(MESSAGES):
            text = content(number).replace(b"\nFrom here", b"\n>From here")
            file.write(b"From eve@example.org Tue Nov  3 12:00:00 2020\n" + text + b"\n")
    return path


def maildir(path: Path) -> Path:
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True)
    for number in range(MESSAGES):
        (path / "cur" / f"{1_600_000_000 + number}.x:2,S").write_bytes(content(number))
    return path


async def furnish(data: Path) -> None:
    async with opened(data) as core:
        await core.directory.add_domain("example.org")
        await core.directory.add_account("alice@example.org", "correct horse")


def start(data: Path, source: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "ops.cli", "import", "alice@example.org", str(source), "--data", str(data)]
    return subprocess.Popen(
        [*command, "--mailbox", "INBOX"],
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def lines_of(data: Path) -> int:
    """How far the journal is."""
    return sum(path.read_bytes().count(b"\n") for path in (data / "imports").glob("*"))


def kill_after(process: "subprocess.Popen[str]", data: Path, lines: int) -> None:
    """kill -9 once the journal is that long; the process may have ended by then."""
    deadline = time.monotonic() + WAIT_S_MAX
    while process.poll() is None and lines_of(data) < lines and time.monotonic() < deadline:
        time.sleep(0.001)
    with process:
        process.send_signal(signal.SIGKILL)


def import_killed(data: Path, source: Path) -> None:
    """Import with KILLS kills, then to the end."""
    dice = random.Random(os.urandom(8))
    for _ in range(KILLS):
        kill_after(start(data, source), data, lines_of(data) + dice.randrange(1, 8))
    last = start(data, source)
    output, errors = last.communicate(timeout=WAIT_S_MAX)
    assert last.returncode == 0, errors
    assert "Imported" in output


def expected() -> list[bytes]:
    return sorted(content(number).replace(b"\n", b"\r\n") for number in range(MESSAGES))


async def stored(data: Path, out: Path) -> list[bytes]:
    await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "ops.cli", "export", "alice@example.org", str(out), "--data", str(data)],
        env=environment(),
        check=True,
        capture_output=True,
        timeout=WAIT_S_MAX,
    )
    return sorted(found.content for found in Maildir(out, "INBOX").remaining([]))


@pytest.mark.parametrize("source_of", [mbox, maildir])
async def test_killed_again_and_again(tmp_path: Path, source_of: Callable[[Path], Path]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    await furnish(data)
    source = source_of(tmp_path / "source")
    import_killed(data, source)
    assert await stored(data, tmp_path / "out") == expected()


async def test_only_the_client_is_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    await furnish(data)
    source = mbox(tmp_path / "source")
    async with opened(data) as core:
        server = AdminServer.over(core, data / SOCKET, version="1")
        await server.start()
        await asyncio.to_thread(import_killed, data, source)
        found = await stored(data, tmp_path / "out")
        await server.stop()
    assert found == expected()

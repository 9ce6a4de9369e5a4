"""mutt, driven through a terminal: it opens INBOX, deletes two messages, copies one, and leaves."""

import asyncio
import os
import pty
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway.imap.conftest import Address
from tests.unit.gateway.imap.world import ALICE, PASSWORD, World, message

pytestmark = pytest.mark.part("mutt")

PATIENCE_S = 20.0
_CONFIG = """
set imap_user=alice imap_pass={password}
set folder=imaps://alice@{host}:{port}/ spoolfile=+INBOX
set certificate_file={certificate} tmpdir={path}
set delete=yes quit=yes move=no confirmappend=no sleep_time=0
"""
_KEYS = (
    "<tag-pattern>~s message.[01]<enter><tag-prefix><delete-message>"
    "<last-entry><copy-message>=Archive<enter><sync-mailbox><quit>"
)


async def test_mutt_reads_deletes_and_copies(
    world: World, address: Address, certificate: Path, tmp_path: Path, program: Callable[[str], Path]
) -> None:
    for number in range(5):
        await world.deliver(message(f"message {number}"))
    config = tmp_path / "muttrc"
    values = {"host": address.host, "port": address.tls_port, "password": PASSWORD, "path": tmp_path}
    config.write_text(_CONFIG.format(**values, certificate=certificate))
    screen = await asyncio.to_thread(_in_terminal, program("mutt"), config, tmp_path)
    counts = {box.name: box.messages for box in (await world.mail.tree(ALICE)).mailboxes}
    assert (counts["INBOX"], counts["Archive"]) == (3, 1), screen[-2000:]
    assert "SCRAM-SHA-256" in [line.get("how") for line in world.log.lines]


def _in_terminal(mutt: Path, config: Path, home: Path) -> bytes:
    """Run it to its end; what it drew."""
    child, terminal = pty.fork()
    if child == 0:
        environment = {"TERM": "xterm", "HOME": str(home), "LANG": "C", "PATH": os.environ["PATH"]}
        os.execve(mutt, ["mutt", "-n", "-F", str(config), "-e", f'push "{_KEYS}"'], environment)
    drawn = b""
    until = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < until:
            if select.select([terminal], [], [], 0.5)[0]:
                drawn += os.read(terminal, 65536)
    except OSError:  # the terminal ends with its program
        pass
    else:
        os.kill(child, signal.SIGKILL)
    os.close(terminal)
    os.waitpid(child, 0)
    return drawn

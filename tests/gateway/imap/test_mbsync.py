"""mbsync, the strictest of the synchronising clients: both ways, twice, with flags and removals."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway.imap.conftest import Address
from tests.unit.gateway.imap.world import ALICE, PASSWORD, World, message

pytestmark = pytest.mark.part("mbsync")

_CONFIG = """
IMAPAccount server
Host {host}
Port {port}
User alice
Pass {password}
{tls} IMAPS
CertificateFile {certificate}

IMAPStore far
Account server

MaildirStore near
Path {path}/mail/
Inbox {path}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
"""


async def _run(*command: str | Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, output.decode()
    return output.decode()


def _contents(folder: Path) -> set[bytes]:
    """Messages without the header mbsync adds to those it uploads."""
    files = [*folder.glob("cur/*"), *folder.glob("new/*")]
    return {b"\n".join(line for line in file.read_bytes().split(b"\n") if b"X-TUID" not in line) for file in files}


async def test_mbsync_both_ways(
    world: World, address: Address, certificate: Path, tmp_path: Path, program: Callable[[str], Path]
) -> None:
    mbsync = program("mbsync")
    tls = "SSLType" if " 1.4" in await _run(mbsync, "--version") else "TLSType"  # renamed in 1.5
    (tmp_path / "mail").mkdir()
    config = tmp_path / "mbsyncrc"
    values = {"host": address.host, "port": address.tls_port, "password": PASSWORD, "path": tmp_path}
    config.write_text(_CONFIG.format(**values, certificate=certificate, tls=tls))
    sent = [message(f"message {number}") for number in range(30)]
    for raw in sent:
        await world.deliver(raw)
    await _run(mbsync, "-c", config, "-a")
    inbox = tmp_path / "mail" / "INBOX"
    assert _contents(inbox) == {raw.replace(b"\r\n", b"\n") for raw in sent}

    # here: one is removed, one flagged, one is new, and a folder with one is made
    first, second = sorted(inbox.glob("new/*"))[:2]
    first.unlink()
    second.rename(inbox / "cur" / f"{second.name.split(':')[0]}:2,FS")
    (inbox / "new" / "1.x.here").write_bytes(b"Subject: from here\n\nhello\n")
    for part in ("cur", "new", "tmp"):
        (tmp_path / "mail" / "work" / part).mkdir(parents=True)
    (tmp_path / "mail" / "work" / "new" / "2.x.here").write_bytes(b"Subject: at work\n\nhello\n")
    await world.deliver(message("meanwhile"))
    await _run(mbsync, "-c", config, "-a")
    tree = await world.mail.tree(ALICE)
    counts = {box.name: (box.messages, box.unseen) for box in tree.mailboxes}
    assert counts["INBOX"] == (31, 30)
    assert counts["work"] == (1, 1)
    assert len(_contents(inbox)) == 31

"""A full disk: senders are told to try later, readers go on, nothing is lost, and room is enough to go on."""

import asyncio
import contextlib
import smtplib
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.kill.inside import check_data
from tests.load.clients import LOGINS
from tests.load.messages import message, token_of
from tests.load.wire import Answer, logged_in
from tests.running import PASSWORD, Running

pytestmark = pytest.mark.kill

DISK = "12m"
ALICE = LOGINS[0]
SMALL = "small"
LARGE = next(f"large.{n}" for n in range(1000) if len(message(f"large.{n}")) > 200_000)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system."""
    directory = tmp_path / "disk"
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(directory)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system can only be mounted as root")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


@pytest.fixture(params=["lmdb", "sqlite"])
def server(disk: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    settings = f'[imap]\nplaintext_login = true\n[store]\nkind = "{request.param}"\n'
    running = Running(disk / "data", settings=settings).start()
    yield running
    if running.process is not None:
        running.kill()


def fill(ballast: Path) -> None:
    """Take what is left, to the last byte."""
    with ballast.open("ab", buffering=0) as file:
        for size in (65_536, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def send(server: Running, token: str) -> bytes:
    """The answer to a message by SMTP, code and text."""
    with closing(smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=20)) as smtp:
        smtp.ehlo()
        smtp.mail("x@y.test")
        smtp.rcpt(ALICE)
        code, text = smtp.data(message(token))
        return b"%d %b" % (code, text)


async def imap(server: Running, command: str, literal: bytes | None = None) -> Answer:
    async with logged_in(("127.0.0.1", server.ports["imap"]), ALICE, PASSWORD) as session:
        await session.done("SELECT INBOX")
        return await session.run(command, *(() if literal is None else (literal,)))


def append(server: Running, token: str) -> Answer:
    return asyncio.run(imap(server, "APPEND INBOX", message(token)))


def kept(server: Running) -> list[str]:
    """The tokens in INBOX, in order."""
    answer = asyncio.run(imap(server, "UID FETCH 1:* (UID BODY.PEEK[])"))
    return [token_of(content) for _row, content in answer.bodies()]


def test_full_and_free_again(server: Running, disk: Path) -> None:
    assert send(server, "first").startswith(b"250")
    taken = ["first"]
    ballast = disk / "ballast"
    fill(ballast)
    # The store may have some room inside its file: it may say yes as long as it keeps what it takes.
    for number in range(200):
        if not (answer := send(server, f"{SMALL}.{number}")).startswith(b"250"):
            break
        taken.append(f"{SMALL}.{number}")
        fill(ballast)
    assert answer.startswith(b"452 4.3.1"), answer
    assert send(server, LARGE).startswith(b"452 4.3.1")
    for token in ("appended", LARGE):
        assert b" NO " in append(server, token).tagged
    assert kept(server) == taken, "a full disk keeps nobody from reading"
    ballast.unlink()
    assert send(server, LARGE).startswith(b"250")
    assert append(server, "appended").is_ok
    assert kept(server) == [*taken, LARGE, "appended"]
    server.kill()
    server.start()
    assert kept(server) == [*taken, LARGE, "appended"]
    assert server.stop() == 0
    kind = "sqlite" if "sqlite" in server.settings else "lmdb"
    assert asyncio.run(check_data(server.data, kind)) >= 1


def test_a_start_on_a_full_disk_harms_nothing(server: Running, disk: Path) -> None:
    """A new owner must write its epoch before it serves an account: until then it says why it does not."""
    assert send(server, "first").startswith(b"250")
    server.kill()
    fill(disk / "ballast")
    server.launch()
    assert server.process is not None
    with contextlib.suppress(subprocess.TimeoutExpired):
        assert server.process.wait(2) == 1, "it serves, or it refuses to start"
    with contextlib.suppress(OSError):  # it may give up any moment
        assert not send(server, "second").startswith(b"5")
    server.kill()
    (disk / "ballast").unlink()
    server.start()
    assert kept(server)[0] == "first"
    assert send(server, "third").startswith(b"250")
    assert server.stop() == 0

"""One account changed by many at once: each command is answered once, and in the end all see the same, also later."""

import random
import re
import threading
import time
from pathlib import Path

import pytest

from tests.hostile.client import Client, imap
from tests.hostile.conftest import SETTINGS
from tests.running import Running

pytestmark = pytest.mark.kill

CLIENTS = 12
TIME_S = 4.0
BOXES = (b"INBOX", b"one", b"two", b"three")
COMMANDS = (
    b"SELECT %(a)b",
    b"SELECT %(b)b",
    b"STORE 1:* +FLAGS (\\Deleted)",
    b"STORE 1 FLAGS (word%(n)d)",
    b"EXPUNGE",
    b"COPY 1:3 %(a)b",
    b"MOVE 1 %(a)b",
    b"APPEND %(a)b {15+}\r\nSubject: x\r\n\r\ny",
    b"RENAME %(a)b %(b)b",
    b"DELETE %(b)b",
    b"CREATE %(b)b",
    b"FETCH 1:* (FLAGS UID ENVELOPE)",
    b"UID FETCH 1:* (BODY.PEEK[])",
    b"SEARCH DELETED",
    b'LIST "" *',
    b"STATUS %(a)b (MESSAGES UNSEEN)",
    b"UID STORE 1:* -FLAGS (word%(n)d)",
    b"CLOSE",
)
ANSWER = re.compile(rb"(\S+) (OK|NO|BAD) ")
# What a client may hear that asks for what another has just taken away.
REFUSALS = re.compile(rb"\S+ (?:OK|NO)|\S+ BAD (?:There is no message with|\w+(?: \w+)? needs a selected mailbox)")


def run(server: Running, seed: int, defects: list[bytes]) -> None:
    """Random commands until the time is over."""
    dice, end, client = random.Random(seed), time.monotonic() + TIME_S, imap(server)
    number = 0
    while time.monotonic() < end:
        number += 1
        values = {b"a": dice.choice(BOXES), b"b": dice.choice(BOXES), b"n": dice.randrange(5)}
        tag = b"%dx%d" % (seed, number)
        if not _obeyed(client, tag, dice.choice(COMMANDS) % values, defects):
            client = imap(server)  # RFC 2180 3.3: its mailbox was deleted


def _obeyed(client: Client, tag: bytes, command: bytes, defects: list[bytes]) -> bool:
    client.send(tag + b" " + command + b"\r\n")
    while True:
        line = client.line()
        if line.startswith(b"* BYE"):
            if b"deleted" not in line:
                defects.append(line)
            return False
        answer = ANSWER.match(line)
        if answer and answer[1] != b"*":
            if answer[1] != tag or not REFUSALS.match(line) or b"SERVERBUG" in line:
                defects.append(command + b" -> " + line)
            return True


def picture(server: Running) -> dict[bytes, list[bytes]]:
    """All there is, as a new session sees it."""
    client = imap(server)
    seen = {}
    for name in sorted(line.rpartition(b" ")[2] for line in client.command(b'LIST "" *')[:-1]):
        status = client.command(b"STATUS %b (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)" % name)
        client.command(b"EXAMINE " + name)
        seen[name] = status + client.command(b"UID FETCH 1:* (FLAGS RFC822.SIZE BODY.PEEK[])")
    return seen


def test_many_sessions_of_one_account(tmp_path: Path) -> None:
    server = Running(tmp_path, SETTINGS).start()
    defects: list[bytes] = []
    threads = [threading.Thread(target=run, args=(server, seed, defects)) for seed in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIME_S * 5)
    assert not any(thread.is_alive() for thread in threads)
    assert not defects
    before = picture(server)
    assert picture(server) == before
    server.kill()
    server.start()
    assert picture(server) == before
    server.kill()
    assert "defect" not in server.output.read_text(errors="replace")

"""What is in mailboxes of ours, once it is there."""

import time

from tests.peers.peer import LOOK_S, WAIT_S_MAX
from tests.peopled import Peopled


def inbox(server: Peopled, login: str) -> list[bytes]:
    """Every message of an account, as it was stored."""
    with server.imap(login) as imap:
        if imap.select(readonly=True)[1] == [b"0"]:
            return []
        fetched = imap.fetch("1:*", "(RFC822)")[1]
        return [part[1] for part in fetched if isinstance(part, tuple)]


def awaited(server: Peopled, login: str, mark: bytes, besides: bytes = b"") -> bytes:
    """The one message that holds these bytes, once it is there. Raises AssertionError."""
    deadline = time.monotonic() + WAIT_S_MAX
    while not (found := [raw for raw in inbox(server, login) if mark in raw and besides in raw]):
        assert time.monotonic() < deadline, f"no {mark!r} in {login}: {server.running.output.read_text()[-3000:]}"
        time.sleep(LOOK_S)
    (message,) = found
    return message

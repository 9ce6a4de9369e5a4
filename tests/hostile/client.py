"""A client that can be rude: bytes as they are, answers read or left unread. Every wait is bounded."""

import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.running import DOMAIN, PASSWORD, Running

ANSWER_S_MAX: Final = 30.0
MIB: Final = 1024 * 1024
_SMALL_WINDOW_BYTES: Final = 4096

_INNOCENT: Final = """
import select, socket, sys, time
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
lines = connection.makefile("rb")
lines.readline()
connection.sendall(sys.argv[2].encode())
while not lines.readline().startswith(b"a "):
    pass
print("ready", flush=True)
worst = 0.0
while not select.select([sys.stdin], [], [], 0.005)[0]:
    started = time.monotonic()
    connection.sendall(b"n NOOP\\r\\n")
    while not lines.readline().startswith(b"n "):
        pass
    worst = max(worst, time.monotonic() - started)
print(worst)
"""


class Client:
    """One connection. `reads_slowly`: its window is as small as can be."""

    def __init__(self, port: int, *, reads_slowly: bool = False) -> None:
        self.socket = socket.socket()
        if reads_slowly:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_WINDOW_BYTES)
        self.socket.settimeout(ANSWER_S_MAX)
        self.socket.connect(("127.0.0.1", port))
        self._held = b""

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.socket.sendall(data)

    def line(self) -> bytes:
        """The next line without its end. Raises EOFError."""
        while b"\n" not in self._held:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(self._held)
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        return line.removesuffix(b"\r")

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        with contextlib.suppress(ConnectionResetError):
            while data := self.socket.recv(65536):
                self._held += data
        return self._held

    def command(self, text: bytes, tag: bytes = b"a") -> list[bytes]:
        """An IMAP command; all lines up to its tagged answer, which is the last."""
        self.send(tag + b" " + text + b"\r\n")
        lines = [self.line()]
        while not lines[-1].startswith(tag + b" "):
            lines.append(self.line())
        return lines

    def reply(self) -> bytes:
        """The last line of an SMTP reply."""
        while (line := self.line())[3:4] == b"-":
            pass
        return line

    def say(self, text: bytes) -> bytes:
        """An SMTP command and its reply."""
        self.send(text + b"\r\n")
        return self.reply()


def imap(server: Running, name: str = "alice", *, reads_slowly: bool = False) -> Client:
    """Logged in."""
    client = Client(server.ports["imap"], reads_slowly=reads_slowly)
    client.line()
    answer = client.command(b"LOGIN %b@%b %b" % (name.encode(), DOMAIN.encode(), PASSWORD.encode()))
    assert answer[-1].startswith(b"a OK"), answer
    return client


def pop3(server: Running, name: str = "alice", *, reads_slowly: bool = False, utf8: bool = False) -> Client:
    """Logged in. `utf8`: messages are to be sent as they are (RFC 6856 2.1)."""
    client = Client(server.ports["pop3"], reads_slowly=reads_slowly)
    client.line()
    if utf8:
        client.send(b"UTF8\r\n")
        assert client.line().startswith(b"+OK")
    client.send(b"USER %b@%b\r\nPASS %b\r\n" % (name.encode(), DOMAIN.encode(), PASSWORD.encode()))
    assert client.line().startswith(b"+OK")
    assert client.line().startswith(b"+OK")
    return client


def smtp(server: Running, port: str = "smtp") -> Client:
    """Greeted."""
    client = Client(server.ports[port])
    client.reply()
    client.say(b"LHLO client.test" if port == "lmtp" else b"EHLO client.test")
    return client


def begin_message(client: Client, recipient: str = "alice") -> None:
    """Up to where the message's bytes are awaited."""
    client.say(b"MAIL FROM:<eve@client.test>")
    client.say(b"RCPT TO:<%b@%b>" % (recipient.encode(), DOMAIN.encode()))
    assert client.say(b"DATA").startswith(b"354")


def send_message(server: Running, message: bytes, recipient: str = "alice") -> bytes:
    """Over SMTP; the reply."""
    client = smtp(server)
    begin_message(client, recipient)
    return client.say(message + b"\r\n.")


def memory_bytes(server: Running) -> int:
    """What the server holds of the machine's memory."""
    assert server.process is not None
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


@contextlib.contextmanager
def innocent(server: Running) -> Iterator[list[float]]:
    """Another client, in a process of its own, that says NOOP all the time; afterwards its longest wait in seconds."""
    login = f"a LOGIN bob@{DOMAIN} {PASSWORD}\r\n"
    arguments = [sys.executable, "-c", _INNOCENT, str(server.ports["imap"]), login]
    worst: list[float] = []
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield worst
        worst.append(float(process.communicate("\n", ANSWER_S_MAX)[0]))

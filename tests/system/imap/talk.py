r"""Conversations in files, held over sockets.

    # a comment
    login: 1                     client 1 connects with TLS and logs in as this file's own account
    connect: 1                   client 1 connects without TLS, and is greeted
    starttls: 1                  client 1 begins TLS
    compress: 1, expand: 1       client 1 compresses from here on, or does no longer (RFC 4978)
    select: INBOX                client 1 selects a mailbox, whatever is said of it
    append: nested.eml           a message of messages/ is appended to INBOX, by another client
    deliver: Subject             a message comes from outside to INBOX
    C: a NOOP                    what client 1 sends, with CRLF; <me> is its login, <plain> what AUTHENTICATE PLAIN
                                 says of it in base64, <xE9> an octet
    C| Subject: x                a line of the literal announced by the C line above as {#}, its size worked out here
    S: a OK [<any>] Logged in    what the server must answer, <any> standing for anything
    S~: a OK                     the same of a line's beginning, after untagged ones that do not matter
    C2: S2: ...                  a second client; up to 9
    closed: 1                    the server has closed client 1's connection

What the server says beside this is found out by the next S.
"""

import base64
import re
import socket
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.peopled import HOST, Peopled, message
from tests.running import PASSWORD

ANSWER_S: Final = 10.0
MESSAGES: Final = Path(__file__).parent / "messages"
_STEP: Final = re.compile(
    r"(C\||C|S~|S|login|connect|starttls|compress|expand|select|append|deliver|closed)(\d?)(?::|(?<=\|)) ?(.*)"
)
_OCTET: Final = re.compile(rb"<x([0-9A-F]{2})>")


class Client:
    """One end of a connection."""

    def __init__(self, server: Peopled, port: str) -> None:
        self._server = server
        self.socket = socket.create_connection((HOST, server.ports[port]), ANSWER_S)
        self._received = b""
        self._is_closed = False
        self._compression: tuple[Any, Any] | None = None
        if port == "imaps":
            self.start_tls()

    def start_tls(self) -> None:
        """The handshake. What came before it is no part of the conversation any more."""
        assert not self._received
        self.socket = self._server.trust.wrap_socket(self.socket, server_hostname=HOST)

    def send(self, data: bytes) -> None:
        """Bytes to the server."""
        if self._compression is not None:
            deflate, _inflate = self._compression
            data = deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)
        self.socket.sendall(data)

    def compress(self, *, on: bool) -> None:
        """Both ends do from here, or do no longer."""
        assert not self._received
        self._compression = (zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15)) if on else None

    def line(self) -> str:
        """The server's next line without CRLF; empty when it has closed."""
        while b"\r\n" not in self._received:
            more = self.socket.recv(65536)
            if not more:
                assert not self._received, self._received
                self._is_closed = True
                return ""
            self._received += more if self._compression is None else self._compression[1].decompress(more)
        line, _, self._received = self._received.partition(b"\r\n")
        return line.decode("utf-8", "backslashreplace")

    def command(self, text: str) -> None:
        """A command of the stage's own, which must succeed."""
        self.send(f"stage {text}\r\n".encode())
        self.until("stage OK")

    def until(self, wanted: str) -> str:
        """Pass over untagged lines and what stands in their literals; the line that begins as wanted."""
        tag = wanted.partition(" ")[0]
        line = self.line()
        while not _beginning(wanted, line) and not self._is_closed and (tag == "*" or not line.startswith(f"{tag} ")):
            line = self.line()
        assert _beginning(wanted, line), f"got: {line}"
        return line


class Stage:
    """One file's clients and its account."""

    def __init__(self, server: Peopled) -> None:
        self._server = server
        self._me = server.account()
        self._clients: dict[str, Client] = {}
        self._command: tuple[Client, str] | None = None
        self._literal: list[str] = []
        self._steps: dict[str, Callable[[str, str], object]] = {
            "C": self._say,
            "S": self._hear,
            "S~": lambda who, text: self._clients[who].until(text),
            "login": lambda _, who: self._login(who),
            "connect": lambda _, who: self._connect(who, "imap"),
            "starttls": lambda _, who: self._clients[who].start_tls(),
            "compress": lambda _, who: self._clients[who].compress(on=True),
            "expand": lambda _, who: self._clients[who].compress(on=False),
            "select": lambda who, text: self._clients[who].command(f"SELECT {text}"),
            "append": lambda _, text: self._append((MESSAGES / text).read_bytes()),
            "deliver": lambda _, text: self._server.deliver(message(text), self._me),
            "closed": self._closed,
        }

    def step(self, line: str) -> None:
        """One line of the file."""
        found = _STEP.fullmatch(line)
        assert found is not None, "this is no step"
        kind, who, text = found.groups()
        if kind == "C|":
            self._literal.append(text)
            return
        self.send()
        self._steps[kind](who or "1", text)

    def close(self) -> None:
        """End every connection."""
        for client in self._clients.values():
            client.socket.close()

    def send(self) -> None:
        """The command that was being gathered, with its literal."""
        if self._command is None:
            return
        (client, text), self._command = self._command, None
        body = b"".join(_octets(line) + b"\r\n" for line in self._literal)
        self._literal = []
        head, mark, _ = text.partition("{#")
        if not mark:
            client.send(_octets(text) + b"\r\n")
            return
        plus = "+" if text.endswith("+}") else ""
        client.send(_octets(f"{head}{{{len(body)}{plus}}}\r\n"))
        if not plus:
            assert client.line().startswith("+ ")
        client.send(body + b"\r\n")

    def _say(self, who: str, text: str) -> None:
        self._command = (self._clients[who], text.replace("<me>", self._me).replace("<plain>", self._plain()))
        if "{#" not in text:
            self.send()

    def _hear(self, who: str, text: str) -> None:
        line = self._clients[who].line()
        assert re.fullmatch(_pattern(text), line), f"got: {line}"

    def _plain(self) -> str:
        return base64.b64encode(f"\0{self._me}\0{PASSWORD}".encode()).decode()

    def _login(self, who: str) -> None:
        client = self._connect(who, "imaps")
        client.command(f"LOGIN {self._me} {PASSWORD}")

    def _connect(self, who: str, port: str) -> Client:
        client = self._clients[who] = Client(self._server, port)
        assert client.line().startswith("* OK")
        return client

    def _append(self, raw: bytes) -> None:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        with self._server.imap(self._me) as imap:
            assert imap.append("INBOX", "", "", raw)[0] == "OK"

    def _closed(self, _who: str, text: str) -> None:
        assert self._clients[text].line() == ""


def _octets(text: str) -> bytes:
    return _OCTET.sub(lambda found: bytes([int(found[1], 16)]), text.encode())


def _pattern(text: str) -> str:
    return ".*".join(map(re.escape, text.split("<any>")))


def _beginning(wanted: str, line: str) -> bool:
    return re.match(_pattern(wanted), line) is not None

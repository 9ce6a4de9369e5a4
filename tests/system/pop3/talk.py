r"""Conversations in files, held over sockets.

    # a comment
    login: 1                     client 1 connects with TLS and logs in as this file's own account
    connect: 1                   client 1 connects without TLS, and is greeted
    starttls: 1                  client 1 begins TLS
    deliver: Subject             a message comes from outside to INBOX
    append: nested.eml           a message of the IMAP tests is appended to INBOX
    imap: STORE 1 +FLAGS (\Seen) an IMAP client of the same account, with INBOX selected, does this; it must succeed
    told: * 1 FETCH <any>        a line of what it was answered
    C: STAT                      what client 1 sends, with CRLF; <me> is its login, <xE9> an octet
    S: +OK <any>                 what the server must answer, <any> standing for anything
    C2: S2: ...                  a second client; up to 9
    leave: 1                     client 1 closes its connection, without a word
    closed: 1                    the server has closed client 1's connection

What the server says beside this is found out by the next S.
"""

import re
from collections.abc import Callable
from typing import Final

from tests.peopled import Peopled, message
from tests.running import PASSWORD
from tests.system.imap import talk

_STEP: Final = re.compile(r"(C|S|login|connect|starttls|deliver|append|imap|told|leave|closed)(\d?):(?: (.*))?")
_OCTET: Final = re.compile(rb"<x([0-9A-F]{2})>")


class Client(talk.Client):
    """One end of a connection, greeted."""

    def __init__(self, server: Peopled, port: str) -> None:
        super().__init__(server, port)
        if port == "pop3s":
            self.start_tls()
        assert self.line().startswith("+OK")

    def done(self, text: str) -> str:
        """A command, which must succeed; the first line of its answer."""
        self.send(f"{text}\r\n".encode())
        answer = self.line()
        assert answer.startswith("+OK"), answer
        return answer

    def log_in(self, login: str) -> None:
        """With name and password."""
        self.done(f"USER {login}")
        self.done(f"PASS {PASSWORD}")


class Stage:
    """One file's clients and its account."""

    def __init__(self, server: Peopled) -> None:
        self._server = server
        self._me = server.account()
        self._clients: dict[str, Client] = {}
        self._imap: talk.Client | None = None
        self._told: list[str] = []
        self._steps: dict[str, Callable[[str, str], object]] = {
            "C": self._say,
            "S": self._hear,
            "login": lambda _, who: self._connect(who, "pop3s").log_in(self._me),
            "connect": lambda _, who: self._connect(who, "pop3"),
            "starttls": lambda _, who: self._clients[who].start_tls(),
            "deliver": lambda _, text: self._server.deliver(message(text), self._me),
            "append": lambda _, text: self._append((talk.MESSAGES / text).read_bytes()),
            "imap": lambda _, text: self._do(text),
            "told": self._hear_told,
            "leave": lambda _, who: self._clients[who].socket.close(),
            "closed": self._closed,
        }

    def step(self, line: str) -> None:
        """One line of the file."""
        found = _STEP.fullmatch(line)
        assert found is not None, "this is no step"
        self._steps[found[1]](found[2] or "1", found[3] or "")

    def close(self) -> None:
        """End every connection."""
        for client in self._clients.values():
            client.socket.close()
        if self._imap is not None:
            self._imap.socket.close()

    def _connect(self, who: str, port: str) -> Client:
        self._clients[who] = Client(self._server, port)
        return self._clients[who]

    def _say(self, who: str, text: str) -> None:
        octets = _OCTET.sub(lambda found: bytes([int(found[1], 16)]), text.replace("<me>", self._me).encode())
        self._clients[who].send(octets + b"\r\n")

    def _hear(self, who: str, text: str) -> None:
        line = self._clients[who].line()
        assert _fits(text, line), f"got: {line}"

    def _closed(self, _who: str, text: str) -> None:
        assert self._clients[text].line() == ""

    def _append(self, raw: bytes) -> None:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        with self._server.imap(self._me) as imap:
            assert imap.append("INBOX", "", "", raw)[0] == "OK"

    def _do(self, text: str) -> None:
        if self._imap is None:
            self._imap = talk.Client(self._server, "imaps")
            self._imap.line()
            self._imap.command(f"LOGIN {self._me} {PASSWORD}")
            self._imap.command("SELECT INBOX")
        self._imap.command("NOOP")
        self._imap.send(f"stage {text}\r\n".encode())
        self._told = []
        while not (line := self._imap.line()).startswith("stage "):
            self._told.append(line)
        assert line.startswith("stage OK"), line

    def _hear_told(self, _who: str, text: str) -> None:
        assert any(_fits(text, line) for line in self._told), f"told: {self._told}"


def _fits(wanted: str, line: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, wanted.split("<any>"))), line) is not None

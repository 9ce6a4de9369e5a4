"""SMTP byte by byte, over sockets, against a running server: what no client library would send."""

import socket
import ssl

import pytest

from tests.peopled import HOST, Peopled, message
from tests.running import DOMAIN

ANSWER_S = 10.0


class Wire:
    """A connection that says exactly what it is told to."""

    def __init__(self, server: Peopled, port: str = "smtp") -> None:
        self.socket: socket.socket = socket.create_connection((HOST, server.ports[port]), ANSWER_S)
        self._received = b""
        assert self.answer().startswith("220 ")

    def say(self, data: bytes) -> str:
        """Send it; the next answer."""
        self.socket.sendall(data)
        return self.answer()

    def answer(self) -> str:
        """The last line of the server's next answer; empty when it has closed."""
        while True:
            while b"\r\n" not in self._received:
                more = self.socket.recv(65536)
                if not more:
                    return ""
                self._received += more
            line, _, self._received = self._received.partition(b"\r\n")
            if line[3:4] != b"-":
                return line.decode()

    def rest(self) -> list[str]:
        """Say QUIT; every answer until the server closes."""
        self.socket.sendall(b"QUIT\r\n")
        return list(iter(self.answer, ""))

    def envelope(self, login: str) -> None:
        """Up to where the message begins."""
        assert self.say(b"EHLO client.example.test\r\n").startswith("250 ")
        assert self.say(b"MAIL FROM:<a@example.test>\r\n").startswith("250 ")
        assert self.say(f"RCPT TO:<{login}>\r\n".encode()).startswith("250 ")
        assert self.say(b"DATA\r\n").startswith("354 ")


def _subjects(server: Peopled, login: str) -> list[bytes]:
    with server.imap(login) as imap:
        imap.select(readonly=True)
        found = imap.search(None, "ALL")[1][0].split()
        if not found:
            return []
        parts = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        return [part[1].strip() for part in parts if isinstance(part, tuple)]


@pytest.mark.parametrize(
    "end",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n", b"\n.\r", b"\r\r\n.\r\r\n"],
    ids=repr,
)
def test_no_false_end_of_data_lets_a_second_message_in(server: Peopled, login: str, end: bytes) -> None:
    """RFC 5321 4.1.1.4: only CRLF.CRLF ends a message."""
    wire = Wire(server)
    wire.envelope(login)
    hidden = f"MAIL FROM:<admin@{DOMAIN}>\r\nRCPT TO:<{login}>\r\nDATA\r\nSubject: hidden\r\n\r\nevil\r\n".encode()
    first = wire.say(b"Subject: first\r\n\r\nbody" + end + hidden + b"\r\n.\r\n")
    assert first[:3] in ("250", "550", "554", "501", "500"), first
    assert [line[:3] for line in wire.rest()] == ["221"]
    assert _subjects(server, login) in ([], [b"Subject: first"])


def test_dots_are_unstuffed_once_however_the_bytes_come(server: Peopled, login: str) -> None:
    wire = Wire(server)
    wire.envelope(login)
    for octet in b"Subject: dots\r\n\r\n..one\r\n...two\r\n..\r\n":
        wire.socket.sendall(bytes([octet]))
    assert wire.say(b".\r\n").startswith("250 ")
    with server.imap(login) as imap:
        imap.select()
        fetched = imap.fetch("1", "(BODY[TEXT])")[1][0]
    assert isinstance(fetched, tuple)
    assert fetched[1] == b".one\r\n..two\r\n.\r\n"


def test_commands_sent_ahead_are_answered_in_order(server: Peopled, login: str) -> None:
    """RFC 2920 3.1: all up to DATA in one go."""
    wire = Wire(server)
    batch = f"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<{login}>\r\nRCPT TO:<nobody@{DOMAIN}>\r\nDATA\r\n".encode()
    codes = [wire.say(batch)[:3], *(wire.answer()[:3] for _ in range(4))]
    assert codes == ["250", "250", "250", "550", "354"]
    assert wire.say(message("ahead") + b".\r\nRSET\r\n").startswith("250 ")
    assert wire.answer().startswith("250 ")
    assert _subjects(server, login) == [b"Subject: ahead"]


def test_what_comes_before_tls_is_forgotten(server: Peopled) -> None:
    """RFC 3207 6: a command slipped in behind STARTTLS is never obeyed, nor is the EHLO before it remembered."""
    wire = Wire(server)
    assert wire.say(b"EHLO c.test\r\n").startswith("250 ")
    assert wire.say(b"STARTTLS\r\nMAIL FROM:<evil@example.test>\r\n").startswith(("220 ", "5"))
    try:
        wire.socket = server.trust.wrap_socket(wire.socket, server_hostname=HOST)
    except ssl.SSLError:
        return  # refused altogether
    assert wire.say(b"MAIL FROM:<a@example.test>\r\n").startswith("503 ")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("NONSENSE", "500 5.5."),
        ("MAIL FROM:<a@b>", "503 5.5.1"),
        ("RCPT TO:<a@b>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("EHLO", "501 5.5."),
        ("HELO c.test", "250 "),
        ("VRFY somebody", "252 2."),
        ("EXPN list", "502 5.5.1"),
        ("HELP", "214 2."),
        ("NOOP whatever", "250 2."),
        ("AUTH PLAIN AGEAYg==", "503 5.5.1"),
        ("\x00", "500 5.5."),
        ("X" * 5000, "500 5.5."),
    ],
)
def test_answers_before_a_greeting(server: Peopled, said: str, answer: str) -> None:
    got = Wire(server).say(said.encode() + b"\r\n")
    assert got.startswith(answer), got


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("MAIL FROM:a@b.test", "501 5."),
        ("MAIL FROM:<a@b.test> SIZE=99999999999", "552 5.3.4"),
        ("MAIL FROM:<a@b.test> BODY=9BIT", "501 5.5.4"),
        ("MAIL FROM:<a@b.test> UNKNOWN=1", "555 5.5.4"),
        ("MAIL FROM:<\u00fc@b.test>", "55"),
        ("MAIL FROM:<> SMTPUTF8", "250 2.1.0"),
        ("mail from:<a@b.test> body=8bitmime", "250 2.1.0"),
        ("RCPT TO:<a@b.test>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("MAIL FROM:<" + "a" * 300 + "@b.test>", "5"),
    ],
)
def test_answers_after_a_greeting(server: Peopled, said: str, answer: str) -> None:
    wire = Wire(server)
    wire.say(b"EHLO c.test\r\n")
    got = wire.say(said.encode() + b"\r\n")
    assert got.startswith(answer), got


def test_a_message_over_the_limit_is_refused_and_the_session_goes_on(server: Peopled, login: str) -> None:
    wire = Wire(server)
    wire.envelope(login)
    line = b"x" * 998 + b"\r\n"
    for _ in range(53):
        wire.socket.sendall(line * 1000)
    assert wire.say(b".\r\n").startswith("552 5.3.4")
    assert wire.say(b"NOOP\r\n").startswith("250 ")
    assert _subjects(server, login) == []

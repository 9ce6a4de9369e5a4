"""SIGTERM and Ctrl-C: what was promised is done, clients are told, and the end comes within its bound."""

import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import DOMAIN, PASSWORD, Running

PROMPT_S = 10.0  # on a busy machine; without anything to wait for it is a fraction of a second
CUT_SHORT = 130

pytestmark = pytest.mark.kill


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "data", settings="[imap]\nplaintext_login = true\n").start()
    yield running
    if running.process is not None:
        running.kill()


class Talk:
    """A client that says and hears."""

    def __init__(self, server: Running, name: str, *, tls: bool = False, greeted: bool = True) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.ports[name]), 30)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
        self._file = self._socket.makefile("rb")
        if greeted:
            self.hear()

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def hear(self) -> bytes:
        """A line, empty at the end."""
        return self._file.readline()

    def ask(self, line: bytes, until: bytes) -> bytes:
        """Say a line and hear until a line begins so."""
        self.say(line + b"\r\n")
        while not (heard := self.hear()).startswith(until):
            assert heard, f"the server left, {until!r} was expected"
        return heard


def idling(server: Running, *, tls: bool = False) -> Talk:
    talk = Talk(server, "imaps" if tls else "imap", tls=tls)
    talk.ask(b"a LOGIN alice@%b %b" % (DOMAIN.encode(), PASSWORD.encode()), b"a OK")
    talk.ask(b"b SELECT INBOX", b"b OK")
    talk.ask(b"c IDLE", b"+")
    return talk


def in_data(server: Running, name: str = "smtp") -> Talk:
    talk = Talk(server, name)
    talk.ask(b"LHLO x" if name == "lmtp" else b"EHLO x", b"250 ")
    talk.ask(b"MAIL FROM:<x@y.test>", b"250")
    talk.ask(b"RCPT TO:<alice@%b>" % DOMAIN.encode(), b"250")
    talk.ask(b"DATA", b"354")
    talk.say(b"Subject: half\r\n\r\n")
    return talk


def asked(server: Running, number: int = signal.SIGTERM) -> float:
    """Ask it to stop; when."""
    assert server.process is not None
    server.process.send_signal(number)
    return time.monotonic()


def scraping(server: Running) -> Talk:
    """A monitor that keeps its connection."""
    talk = Talk(server, "http", greeted=False)
    talk.ask(b"GET /healthz/live HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1 ")
    return talk


def ended(server: Running, since_s: float, within_s: float) -> int:
    """Its exit code, if it came in time."""
    assert server.process is not None
    code = server.process.wait(within_s + 5)
    server.process = None
    assert time.monotonic() - since_s < within_s
    return code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_clients_that_stay_do_not_hold_it_up(server: Running, number: int) -> None:
    """None of them closes its connection, and the one under TLS never answers our close_notify."""
    clients = [scraping(server), idling(server), idling(server, tls=True)]
    since_s = asked(server, number)
    for reader in clients[1:]:
        assert reader.hear().startswith(b"* BYE")
        assert time.monotonic() - since_s < PROMPT_S
    assert ended(server, since_s, PROMPT_S) == 0
    text = server.output.read_text()
    assert "Traceback" not in text, text


@pytest.mark.parametrize("name", ["smtp", "lmtp"])
def test_a_message_on_its_way_is_taken(server: Running, name: str) -> None:
    """And who is idle elsewhere is told at once, not after it."""
    sender, reader = in_data(server, name), idling(server)
    since_s = asked(server)
    assert reader.hear().startswith(b"* BYE")
    assert time.monotonic() - since_s < PROMPT_S
    assert sender.ask(b"whole\r\n.", b"2").startswith(b"250")
    assert sender.hear().startswith(b"421")
    assert ended(server, since_s, 2 * PROMPT_S) == 0
    server.start()
    again = idling(server)
    again.say(b"DONE\r\n")
    assert again.ask(b"d FETCH 1 BODY.PEEK[TEXT]", b"* 1 FETCH")


def test_who_is_between_commands_is_told(server: Running) -> None:
    talk = Talk(server, "smtp")
    talk.ask(b"EHLO x", b"250 ")
    since_s = asked(server)
    assert talk.hear().startswith(b"421")
    assert ended(server, since_s, PROMPT_S) == 0


def test_a_sender_that_stalls_is_told_and_left(tmp_path: Path) -> None:
    server = Running(tmp_path / "data", settings="[smtp]\ndrain_s = 1\n").start()
    sender = in_data(server)
    since_s = asked(server)
    assert sender.hear().startswith(b"421")
    assert ended(server, since_s, 1 + PROMPT_S) == 0


def test_a_second_signal_ends_it_at_once(server: Running) -> None:
    sender = in_data(server)
    asked(server)
    time.sleep(0.3)
    since_s = asked(server)
    assert ended(server, since_s, PROMPT_S / 2) == CUT_SHORT
    assert sender.hear() == b""

"""Guessing passwords, over real sockets and several protocols; and one account's connections, however they end."""

import base64
import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.hostile.client import Client, imap, smtp
from tests.hostile.conftest import SETTINGS
from tests.running import DOMAIN, PASSWORD, Running

pytestmark = pytest.mark.kill

PER_NAME = 6
PER_ACCOUNT = 8
GONE_S_MAX = 10.0
REFUSAL = b"Too many failed logins; try again in 1"

_CLIENTS = """
import socket, sys, time
for number in range(int(sys.argv[2])):
    client = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
    globals()[f"c{number}"] = client
    client.recv(1000)
    client.sendall(sys.argv[3].encode())
    if b"a OK" not in client.recv(1000):
        sys.exit("refused")
    client.sendall(b"b SELECT INBOX\\r\\nc IDLE\\r\\n")
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One that nobody else spoils, with few guesses and few places."""
    settings = SETTINGS.replace("[imap]\n", f"[imap]\nconnections_per_account_max = {PER_ACCOUNT}\n")
    settings += f"[logins]\nfailures_per_name_max = {PER_NAME}\npause_s_max = 0.2\n"
    running = Running(tmp_path_factory.mktemp("logins"), settings).start()
    yield running
    running.stop()
    log = running.output.read_text(errors="replace")
    assert "defect" not in log
    assert "Traceback" not in log


def by_imap(server: Running, name: str, password: str) -> bytes:
    client = Client(server.ports["imap"])
    client.line()
    return client.command(f"LOGIN {name}@{DOMAIN} {password}".encode())[-1]


def by_submission(server: Running, name: str, password: str) -> bytes:
    client = smtp(server, "submission")
    said = base64.b64encode(f"\0{name}@{DOMAIN}\0{password}".encode())
    return client.say(b"AUTH PLAIN " + said)


def test_guesses_are_counted_over_all_protocols_and_then_not_looked_at(server: Running) -> None:
    assert by_imap(server, "alice", PASSWORD).startswith(b"a OK")  # she has been here before
    for turn in range(PER_NAME):
        for name in ("bob", "nobody"):
            answer = (by_imap, by_submission)[turn % 2](server, name, f"guess{turn}")
            assert answer.startswith((b"a NO [AUTHENTICATIONFAILED]", b"535 5.7.8"))
    for name in ("bob", "nobody"):
        assert by_imap(server, name, PASSWORD).startswith(b"a NO [UNAVAILABLE] " + REFUSAL)
        assert by_submission(server, name, PASSWORD).startswith(b"454 4.7.0 " + REFUSAL)
    for turn in range(PER_NAME + 2):
        assert by_imap(server, "alice", f"guess{turn}").startswith(b"a NO [AUTHENTICATIONFAILED]")
    assert by_imap(server, "alice", PASSWORD).startswith(b"a OK")
    assert by_submission(server, "alice", PASSWORD).startswith(b"235")


def test_counts_outlive_the_server(server: Running) -> None:
    """A crash gives no new guesses."""
    server.kill()
    server.start()
    assert by_imap(server, "bob", PASSWORD).startswith(b"a NO [UNAVAILABLE] " + REFUSAL)
    assert by_imap(server, "alice", PASSWORD).startswith(b"a OK")


def test_a_session_that_does_not_give_up_is_ended(server: Running) -> None:
    client = smtp(server, "submission")
    said = base64.b64encode(f"\0bob@{DOMAIN}\0{PASSWORD}".encode())
    assert [client.say(b"AUTH PLAIN " + said)[:3] for _ in range(3)] == [b"454", b"454", b"421"]
    assert client.rest() == b""
    reader = Client(server.ports["imap"])
    reader.send(f"a LOGIN bob@{DOMAIN} {PASSWORD}\r\n".encode() * 3)
    assert b"* BYE" in reader.rest()


def places(server: Running) -> int:
    """How many more connections alice may have."""
    with contextlib.ExitStack() as stack:
        for number in range(PER_ACCOUNT + 1):
            client = Client(server.ports["imap"])
            stack.callback(client.socket.close)
            client.line()
            answer = client.command(f"LOGIN alice@{DOMAIN} {PASSWORD}".encode())[-1]
            if answer.startswith(b"a NO [LIMIT]"):
                return number
            assert answer.startswith(b"a OK"), answer
    raise AssertionError("there is no bound")


def all_free(server: Running) -> None:
    deadline = time.monotonic() + GONE_S_MAX
    while places(server) < PER_ACCOUNT:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def secure(server: Running) -> Client:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = Client(server.ports["imaps"])
    client.socket = context.wrap_socket(client.socket)
    client.line()
    return client


def test_an_account_has_so_many_connections_and_all_again_when_they_have_ended(server: Running) -> None:
    all_free(server)
    held = [imap(server) for _ in range(PER_ACCOUNT - 3)]
    assert places(server) == 3
    held[0].command(b"LOGOUT")
    held[1].socket.close()
    held[2].socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0: a reset
    held[2].socket.close()
    held[3].send(b"x APPEND INBOX {100000}\r\nhalf of it")
    held[3].socket.close()
    held[4].command(b"SELECT INBOX")
    held[4].send(b"x IDLE\r\n")
    held[4].socket.close()
    all_free(server)


def test_connections_in_tls_are_given_back_however_it_ends(server: Running) -> None:
    all_free(server)
    clients = [secure(server) for _ in range(4)]
    for client in clients:
        client.send(f"a LOGIN alice@{DOMAIN} {PASSWORD}\r\n".encode())
        assert client.line().startswith(b"a OK")
    assert places(server) == PER_ACCOUNT - 4
    clients[0].socket.close()  # without close_notify
    raw = clients[1].socket.detach()  # and something that is no TLS at all
    os.write(raw, b"\x17\x03\x03\xff\xff nonsense" * 10)
    clients[2].send(b"a LOGOUT\r\n")
    clients[3].socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")
    clients[3].socket.close()
    all_free(server)
    os.close(raw)


def test_a_client_that_is_killed_gives_its_connections_back(server: Running) -> None:
    all_free(server)
    login = f"a LOGIN alice@{DOMAIN} {PASSWORD}\r\n"
    arguments = [sys.executable, "-c", _CLIENTS, str(server.ports["imap"]), str(PER_ACCOUNT), login]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert places(server) == 0
        process.send_signal(signal.SIGKILL)
    all_free(server)


def test_a_handshake_that_fails_takes_no_place(server: Running) -> None:
    for _ in range(PER_ACCOUNT):
        client = Client(server.ports["imap"])
        client.line()
        assert client.command(b"STARTTLS")[-1].startswith(b"a OK")
        client.send(b"this is no handshake" * 10)
        client.rest()
    all_free(server)

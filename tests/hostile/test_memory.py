"""Many rude clients at once, and what the server's process holds then (VmRSS): no more than all their limits together.

tests/unit/gateway/imap/test_connection_memory.py measures one connection exactly; here it is sockets, the event loop
and TLS that might hold what the connection does not.
"""

import contextlib
import select
import ssl
import time
from collections.abc import Iterator

import pytest

from tests.hostile.client import MIB, Client, imap, memory_bytes, send_message
from tests.hostile.conftest import SETTINGS
from tests.running import Running

pytestmark = pytest.mark.kill

STRANGERS = 60
STRANGER_BYTES_MAX = 2 * 45 * 1024  # twice the limits of ops/docs/limits.md
TLS_BYTES_MAX = 320 * 1024  # and what TLS holds of one read
CLIENTS = 40
MESSAGE_BYTES = 2 * MIB
CLIENT_BYTES_MAX = 2 * (MESSAGE_BYTES + MIB)
SLACK_BYTES = 15 * MIB  # the allocator's own, and objects
SENT_BYTES = 2 * MIB
BLOCKED_S = 3.0  # a server that does not read for so long does not read


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server, and in alice's mailbox a few of the largest messages and many small ones."""
    settings = SETTINGS.replace("[imap]\n", f"[imap]\nmessage_bytes_max = {MESSAGE_BYTES}\nlogin_s = 60\n")
    running = Running(tmp_path_factory.mktemp("memory"), settings).start()
    large = b"Subject: large\r\n\r\n" + (b"y" * 70 + b"\r\n") * ((MESSAGE_BYTES - 1000) // 72)
    for _ in range(3):
        assert send_message(running, large).startswith(b"250")
    client = imap(running)
    small = b"Subject: small\r\n\r\nHello.\r\n"
    for _ in range(10):
        client.send(b"".join(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(small), small) for _ in range(100)))
        for _ in range(100):
            assert client.line().startswith(b"a OK")
    yield running
    running.stop()
    log = running.output.read_text(errors="replace")
    assert "defect" not in log
    assert "Traceback" not in log


def flood(clients: list[Client], words: bytes) -> None:
    """All send at once, until the server has taken SENT_BYTES of each, reads no more, or has closed."""
    data = memoryview((words * (SENT_BYTES // len(words) + 1))[:SENT_BYTES])
    left = {client.socket: data for client in clients}
    for client in clients:
        client.socket.setblocking(False)
    while left:
        _, ready, _ = select.select([], list(left), [], BLOCKED_S)
        if not ready:
            break
        for sock in ready:
            try:
                left[sock] = left[sock][sock.send(left[sock][: 256 * 1024]) :]
            except BlockingIOError:
                continue
            except OSError:
                left[sock] = data[:0]
            if not left[sock]:
                del left[sock]


def test_strangers(full: Running) -> None:
    attacks = {
        "tags": b"x" * 1000,
        "literals": b"a LOGIN {4000+}\r\n" + b"x" * 4000 + b" {99999999+}\r\n" + b"x" * 4000,
        "tiny literals": b"a APPEND x" + b" {0+}\r\n" * 1000,
        "parentheses": b"a SEARCH " + b"(" * 7000 + b"\r\n",
        "capabilities": b"a CAPABILITY\r\n" * 1000,
        "authentication": b"a AUTHENTICATE PLAIN\r\n" + b"AAAA\r\n" * 1000,
        "wrong passwords": b"a LOGIN nobody wrong\r\n" + b"b NOOP\r\n" * 10_000,
    }
    before = memory_bytes(full)
    for name, words in attacks.items():
        clients = [Client(full.ports["imap"], reads_slowly=True) for _ in range(STRANGERS)]
        flood(clients, words)
        held = memory_bytes(full) - before
        assert held < STRANGERS * STRANGER_BYTES_MAX + SLACK_BYTES, name
        for client in clients:
            client.socket.close()
        time.sleep(0.2)
    imap(full).command(b"NOOP")


def test_strangers_in_tls(full: Running) -> None:
    """TLS reads for itself, a quarter of a megabyte at once; then no more until we read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    before = memory_bytes(full)
    secure = []
    for _ in range(50):
        client = Client(full.ports["imaps"], reads_slowly=True)
        client.socket = context.wrap_socket(client.socket)
        client.line()
        client.socket.settimeout(0.3)
        secure.append(client)
    for client in secure:
        with contextlib.suppress(OSError):
            client.socket.sendall(b"a CAPABILITY\r\n" * 200_000)
    assert memory_bytes(full) - before < 50 * (STRANGER_BYTES_MAX + TLS_BYTES_MAX) + SLACK_BYTES
    for client in secure:
        client.socket.close()


def test_clients_that_never_read(full: Running) -> None:
    attacks = {
        "everything": b"a FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])\r\n",
        "the largest, in many items": b"a FETCH 1:3 (%b)\r\n"
        % b" ".join(b"BODY.PEEK[]<%d.9999999>" % at for at in range(100)),
        "no operations": b"a NOOP\r\n" * 1000,
        "searches": b"a UID SEARCH ALL\r\n" * 10,
        "half an upload": b"a APPEND INBOX {%d+}\r\n" % MESSAGE_BYTES + b"x" * (MESSAGE_BYTES - 10),
    }
    before = memory_bytes(full)
    for name, words in attacks.items():
        clients = [imap(full, reads_slowly=True) for _ in range(CLIENTS)]
        for client in clients:
            client.command(b"SELECT INBOX")
        if name == "half an upload":
            for client in clients:
                client.send(words)
            time.sleep(1)
        else:
            flood(clients, words)
        held = memory_bytes(full) - before
        assert held < CLIENTS * CLIENT_BYTES_MAX + SLACK_BYTES, name
        for client in clients:
            client.socket.close()
        time.sleep(0.5)


def test_who_idles_and_never_reads_while_thousands_of_changes_come(full: Running) -> None:
    clients = [imap(full, reads_slowly=True) for _ in range(CLIENTS)]
    for client in clients:
        client.command(b"SELECT INBOX")
        client.send(b"i IDLE\r\n")
        assert client.line().startswith(b"+ ")
    changing = imap(full)
    changing.command(b"SELECT INBOX")
    before = memory_bytes(full)
    for turn in range(40):  # forty thousand for each of them
        changing.command(b"STORE 1:* %cFLAGS.SILENT (\\Flagged)" % b"+-"[turn % 2])
    assert memory_bytes(full) - before < CLIENTS * MIB + SLACK_BYTES
    for client in clients:
        client.socket.close()


def test_a_thousand_connections_of_one_address(full: Running) -> None:
    """RFC 5530 LIMIT for those that are too many, and room again when they have gone."""
    before = memory_bytes(full)
    clients = [Client(full.ports["imap"]) for _ in range(1000)]
    greetings = [client.line() for client in clients]
    refused = [line for line in greetings if line.startswith(b"* BYE [LIMIT] Too many connections from your address")]
    assert len(refused) == 1000 - sum(line.startswith(b"* OK") for line in greetings)
    assert 800 <= len(refused) < 900  # some that came before may not be gone yet
    assert memory_bytes(full) - before < SLACK_BYTES
    for client in clients:
        client.socket.close()
    time.sleep(0.3)
    imap(full).command(b"NOOP")


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that waits no longer than two seconds for a stranger, or for a client to read."""
    settings = SETTINGS.replace("[imap]\n", "[imap]\nlogin_s = 2.0\nwrite_s = 2.0\n")
    running = Running(tmp_path_factory.mktemp("impatient"), settings).start()
    yield running
    running.stop()


@pytest.mark.parametrize("words", [b"", b"a LOGIN al", b"a LOGIN {100}\r\nx", b"a AUTHENTICATE PLAIN\r\n"])
def test_half_a_command_and_silence(impatient: Running, words: bytes) -> None:
    client = Client(impatient.ports["imap"])
    client.send(words)
    assert b"* BYE You were silent for too long" in client.rest()


def test_a_stranger_that_always_has_something_to_say(impatient: Running) -> None:
    """Within three times the silence it has logged in, or goes."""
    client = Client(impatient.ports["imap"])
    client.line()
    client.socket.settimeout(0.5)
    said = b""
    for _ in range(40):
        with contextlib.suppress(OSError):
            client.send(b"a NOOP\r\n")
        try:
            data = client.socket.recv(65536)
        except TimeoutError:
            continue
        said += data
        if not data or b"BYE" in said:
            break
        time.sleep(0.5)
    assert b"* BYE You were silent for too long" in said


def test_a_client_that_reads_a_little_is_cut_off(impatient: Running) -> None:
    client = imap(impatient, reads_slowly=True)
    client.socket.settimeout(1)
    with contextlib.suppress(TimeoutError, ConnectionError):
        client.send(b"a CAPABILITY\r\n" * 200_000)
    deadline = time.monotonic() + 25
    with contextlib.suppress(ConnectionError, TimeoutError):
        while client.socket.recv(100):
            assert time.monotonic() < deadline
            time.sleep(0.2)

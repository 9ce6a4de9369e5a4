"""Rude clients cost the server little memory, and others do not wait for them.

The bounds are wide, as machines differ: each defect that is kept away here was a hundred times over its bound.
"""

import pytest

from tests.hostile.client import MIB, Client, imap, innocent, memory_bytes, pop3, send_message, smtp
from tests.running import Running

pytestmark = pytest.mark.kill

GROWTH_BYTES_MAX = 80 * MIB
WAIT_S_MAX = 10.0  # where nothing bounds it, it is minutes


def heard_out(client: Client, words: bytes) -> bool:
    """Whether the server took all of it."""
    client.socket.settimeout(1)
    try:
        client.send(words)
    except (ConnectionError, TimeoutError):
        return False
    return True


def test_pipelined_commands_of_a_client_that_does_not_read(server: Running) -> None:
    before = memory_bytes(server)
    client = imap(server, reads_slowly=True)
    assert not heard_out(client, b"a CAPABILITY\r\n" * 2_000_000)
    assert memory_bytes(server) - before < GROWTH_BYTES_MAX


def test_pipelined_pop3_of_a_client_that_does_not_read(server: Running) -> None:
    before = memory_bytes(server)
    for client in (pop3(server, reads_slowly=True), Client(server.ports["pop3"], reads_slowly=True)):
        assert not heard_out(client, b"CAPA\r\n" * 4_000_000)
    assert memory_bytes(server) - before < GROWTH_BYTES_MAX


def test_pipelined_commands_are_all_answered_once_they_are_read(server: Running) -> None:
    client = imap(server, reads_slowly=True)
    for _ in range(20):
        client.send(b"a CAPABILITY\r\n" * 100)
    answers = [client.line() for _ in range(4000)]
    assert answers[1::2] == [b"a OK CAPABILITY completed"] * 2000


def test_a_message_fetched_a_hundred_times_in_one_command(server: Running) -> None:
    message = b"Subject: large\r\n\r\n" + (b"y" * 70 + b"\r\n") * (8 * MIB // 72)
    assert send_message(server, message).startswith(b"250")
    client = imap(server, reads_slowly=True)
    client.command(b"SELECT INBOX")
    before = memory_bytes(server)
    with innocent(server) as waits:
        client.send(b"a FETCH * (%b)\r\n" % b" ".join(b"BODY.PEEK[]<%d.%d>" % (start, 9 * MIB) for start in range(100)))
        assert client.line().startswith(b"* ")
    assert memory_bytes(server) - before < GROWTH_BYTES_MAX
    assert waits[0] < WAIT_S_MAX


def test_a_message_retrieved_a_hundred_times_by_clients_that_do_not_read(server: Running) -> None:
    """Each holds a piece of it, and all together the message once."""
    message = b"Subject: large\r\n\r\n" + (b".y" * 35 + b"\r\n") * (8 * MIB // 72)
    assert send_message(server, message).startswith(b"250")
    clients = [pop3(server, reads_slowly=True) for _ in range(20)]
    clients[0].send(b"STAT\r\n")
    number = int(clients[0].line().split()[1])
    before = memory_bytes(server)
    with innocent(server) as waits:
        for client in clients:
            client.send(b"RETR %d\r\n" % number * 100)
        for client in clients:
            assert client.line().startswith(b"+OK ")
    assert memory_bytes(server) - before < GROWTH_BYTES_MAX
    assert waits[0] < WAIT_S_MAX


def test_lines_without_an_end(server: Running) -> None:
    before = memory_bytes(server)
    for port in ("smtp", "lmtp", "imap", "pop3", "http"):
        client = Client(server.ports[port])
        heard_out(client, b"x" * (40 * MIB))
    assert memory_bytes(server) - before < GROWTH_BYTES_MAX


def test_literals_nobody_asked_for(server: Running) -> None:
    before = memory_bytes(server)
    for login in (b"", b"alice"):
        client = imap(server) if login else Client(server.ports["imap"])
        assert not heard_out(client, b"a APPEND INBOX {4000000000+}\r\n" + b"x" * (300 * MIB))
    assert memory_bytes(server) - before < GROWTH_BYTES_MAX


def test_list_patterns_that_fit_everywhere(server: Running) -> None:
    client = imap(server)
    for number in range(600):
        client.send(b"c CREATE %b/%b%d\r\n" % (b"A" * 200, b"A" * 180, number))
    for _ in range(600):
        assert client.line().startswith(b"c OK")
    pattern = b'"%bZ"' % (b"A*" * 499)
    with innocent(server) as waits:
        client.command(b'LIST "" (%b)' % b" ".join([pattern] * 50))
    assert waits[0] < WAIT_S_MAX
    client.command(b"DELETE " + b"A" * 200)


def test_searches_with_many_keys_in_a_large_message(server: Running) -> None:
    message = b"Subject: large\r\n\r\n" + (b"y" * 70 + b"\r\n") * (8 * MIB // 72)
    assert send_message(server, message, "bob").startswith(b"250")
    client = imap(server, "bob")
    client.command(b"SELECT INBOX")
    keys = b" ".join(b"TEXT %bz%d" % (b"y" * 15, number) for number in range(91))
    with innocent(server) as waits:
        assert client.command(b"SEARCH " + b"OR " * 90 + keys)[0] == b"* SEARCH"
    assert waits[0] < WAIT_S_MAX


HOSTILE = {
    "parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nhi\r\n" * 100_000,
    "levels": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(3000)
    ),
    "messages": b"Content-Type: message/rfc822\r\n\r\n" * 100_000,
    "encoded words": b"Subject: " + b"=?utf-8?q?=41?=\r\n " * (MIB // 18) + b"\r\n\r\nx",
    "addresses": b"To: " + b"a@b.c,\r\n " * (MIB // 9) + b"\r\n\r\nx",
    "comments": b"To: " + b"a <a@b>(" * 8000 + b"\r\n\r\nx",
    "references": b"References: " + b"<a@b>\r\n " * MIB + b"\r\n\r\nx",
    "semicolons": b"Content-Type: text/plain" + b";" * (4 * MIB) + b"\r\n\r\nx",
    "continuations": b"Content-Type: text/plain" + b"".join(b";\r\n a*%d*=x" % at for at in range(100_000)),
    "header": b"X: y\r\n" * (3 * MIB),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_messages_are_taken_at_once(server: Running, name: str) -> None:
    with innocent(server) as waits:
        assert send_message(server, HOSTILE[name]).startswith(b"250")
    assert waits[0] < WAIT_S_MAX


def test_a_thousand_recipients_and_more(server: Running) -> None:
    """RFC 5321 4.5.3.1.10: those that are one too many are told to come again, and the others get the message."""
    client = smtp(server)
    client.say(b"MAIL FROM:<eve@client.test>")
    client.send(b"RCPT TO:<alice@example.test>\r\n" * 1200)
    codes = [client.reply()[:3] for _ in range(1200)]
    assert (codes.count(b"250"), codes.count(b"452")) == (1000, 200)
    assert client.say(b"DATA").startswith(b"354")
    assert client.say(b"Subject: to many\r\n\r\nHello.\r\n.").startswith(b"250")

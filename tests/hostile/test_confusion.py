"""Nothing said before TLS counts after it, no message is run as commands, nobody reads another's mail or password."""

import base64
import ssl
import time

import pytest

from tests.hostile.client import Client, begin_message, imap, send_message, smtp
from tests.running import Running

pytestmark = pytest.mark.kill

SECRET = b"hunter2SECRET"
ENCODED = base64.b64encode(SECRET)
PLAIN = base64.b64encode(b"\0alice@example.test\0" + SECRET)


def upgraded(client: Client) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(client.socket)


@pytest.mark.parametrize("injected", [b"b LOGIN alice@example.test demo\r\n", b"b LOGIN {5+}\r\nab"])
def test_what_came_before_tls_is_forgotten_by_imap(server: Running, injected: bytes) -> None:
    client = Client(server.ports["imap"])
    client.line()
    client.send(b"a STARTTLS\r\n" + injected)
    assert client.line().startswith(b"a OK")
    with upgraded(client) as secure:
        secure.sendall(b"c NOOP\r\n")
        assert secure.recv(1000).startswith(b"c OK")


def test_what_came_before_tls_is_forgotten_by_pop3(server: Running) -> None:
    client = Client(server.ports["pop3"])
    client.line()
    client.send(b"STLS\r\nUSER alice@example.test\r\n")
    assert client.line().startswith(b"+OK")
    with upgraded(client) as secure:
        secure.sendall(b"PASS demo\r\n")
        assert secure.recv(1000) == b"-ERR PASS follows USER\r\n"


def test_what_came_before_tls_is_forgotten_by_smtp(server: Running) -> None:
    client = smtp(server)
    client.send(b"STARTTLS\r\nMAIL FROM:<eve@client.test>\r\n")
    assert client.reply().startswith(b"220")
    with upgraded(client) as secure:
        secure.sendall(b"RCPT TO:<alice@example.test>\r\n")
        assert secure.recv(1000).startswith(b"503")


@pytest.mark.parametrize(
    "words", [b"POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@b.c>\r\n", b"GET / HTTP/1.0\r\n\r\n"]
)
def test_a_browser_is_sent_away(server: Running, words: bytes) -> None:
    client = Client(server.ports["smtp"])
    client.reply()
    client.send(words)
    assert client.rest() == b"554 5.5.1 This is not the protocol spoken here\r\n"


def test_a_message_after_a_refused_data_is_no_commands(server: Running) -> None:
    client = smtp(server)
    message = b"Subject: x\r\n\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nhi\r\n.\r\n"
    client.send(b"MAIL FROM:<a@b.c>\r\nRCPT TO:<nobody@example.test>\r\nDATA\r\n" + message)
    assert client.rest().endswith(b"\r\n554 5.5.0 Data sent before it was asked for; closing\r\n")


@pytest.mark.parametrize("hello", [b"EHLO a(b)", b"EHLO \xc2\x85x", b"HELO x;y\\", b"EHLO [x]]"])
def test_a_forged_hello_is_not_in_the_trace(server: Running, hello: bytes) -> None:
    client = smtp(server)
    client.say(hello)
    begin_message(client, "bob")
    assert client.say(b"Subject: forged\r\n\r\n.").startswith(b"250")
    reader = imap(server, "bob")
    reader.command(b"SELECT INBOX")
    head = b"\n".join(reader.command(b"FETCH * BODY.PEEK[HEADER]"))
    assert b"Received: from unknown ([127.0.0.1])\n" in head


@pytest.mark.parametrize("sender", [b'"a\rb"@x.y', b'"a\\\x01b"@x.y', b"a\nb@x.y", b"a\0b@x.y", b"<a\xc2\x85b@x.y"])
def test_a_sender_cannot_break_its_line(server: Running, sender: bytes) -> None:
    assert smtp(server).say(b"MAIL FROM:<%b> SMTPUTF8" % sender)[:1] == b"5"


def test_no_name_leads_to_anothers_mail(server: Running) -> None:
    assert send_message(server, b"Subject: for bob alone\r\n\r\n", "bob").startswith(b"250")
    client = imap(server)
    for name in (b"../bob/INBOX", b"../../2/INBOX", b"#user/bob/INBOX", b"user/bob@example.test", b"~bob", b"/INBOX"):
        assert client.command(b'SELECT "%b"' % name)[-1].startswith((b"a NO [NONEXISTENT]", b"a NO [CANNOT]"))


def test_who_is_logged_in_stays_who_they_are(server: Running) -> None:
    client = imap(server)
    other = base64.b64encode(b"\0bob@example.test\0demo")
    assert client.command(b"LOGIN bob@example.test demo")[-1].startswith(b"a BAD")
    assert client.command(b"AUTHENTICATE PLAIN " + other)[-1].startswith(b"a BAD")
    acting = Client(server.ports["imap"])
    acting.line()
    as_bob = base64.b64encode(b"bob@example.test\0alice@example.test\0demo")
    assert acting.command(b"AUTHENTICATE PLAIN " + as_bob)[-1].startswith(b"a NO")


def test_nobody_learns_who_exists(server: Running) -> None:
    answers = set()
    for user in (b"alice@example.test", b"nobody@example.test", b"nobody@elsewhere.test"):
        client = Client(server.ports["imap"])
        client.line()
        answers.add(client.command(b"LOGIN %b %b" % (user, SECRET))[-1])
    assert len(answers) == 1
    said = set()
    for user in (b"alice@example.test", b"nobody@example.test", b"nobody@elsewhere.test"):
        client = Client(server.ports["pop3"])
        client.line()
        client.send(b"USER %b\r\nPASS %b\r\n" % (user, SECRET))
        said.add((client.line(), client.line()))
    assert len(said) == 1


def test_misplaced_passwords_are_not_logged(server: Running) -> None:
    """Whatever a confused client says where, the log does not hold it."""
    for port in ("smtp", "submission", "lmtp"):
        for words in (
            [b"AUTH PLAIN " + PLAIN],
            [b"AUTH LOGIN", base64.b64encode(b"alice@example.test"), ENCODED],
            [b"AUTH PLAIN " + PLAIN + b" x"],
            [b"AUTH PLAIN", SECRET],
            [b"AUTH NONE " + PLAIN],
            [ENCODED],
            [b"AUTHPLAIN " + PLAIN],
        ):
            client = smtp(server, port)
            for line in words:
                client.say(line)
    for line in (
        b"a LOGIN alice@example.test " + SECRET,
        b'a LOGIN alice@example.test "' + SECRET + b'" x',
        b"a LOGON alice@example.test " + SECRET,
        b"a AUTHENTICATE PLAIN " + PLAIN,
        b"a AUTHENTICATE PLAIN " + PLAIN + b"!",
        b"LOGIN alice@example.test " + SECRET,
    ):
        client = Client(server.ports["imap"])
        client.line()
        client.send(line + b"\r\n")
        client.line()
    for line in (
        b"USER alice@example.test\r\nPASS " + SECRET,
        b"USER alice@example.test " + SECRET + b"\r\nPASS x",
        b"PASS " + SECRET,
        b"AUTH PLAIN " + PLAIN,
        b"AUTH PLAIN " + PLAIN + b"!",
        b"AUTH PLAIN\r\n" + PLAIN,
        b"AUTH LOGIN\r\n" + SECRET,
        SECRET,
    ):
        client = Client(server.ports["pop3"])
        client.line()
        client.send(line + b"\r\n")
        client.line()
        client.send(b"QUIT\r\n")
    time.sleep(0.1)
    log = server.output.read_bytes()
    assert b"imap.login_failed" in log
    assert b"pop3.login_failed" in log
    for secret in (SECRET, ENCODED, PLAIN):
        assert secret not in log

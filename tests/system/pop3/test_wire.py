"""POP3 over sockets where time and single bytes matter: what a conversation in a file cannot say."""

import smtplib

from tests.peopled import CLIENT, HOST, Peopled, message
from tests.running import DOMAIN, PASSWORD
from tests.system.pop3.talk import Client


def _ready(server: Peopled, login: str) -> Client:
    client = Client(server, "pop3s")
    client.log_in(login)
    return client


def test_a_whole_session_in_one_packet(server: Peopled, login: str) -> None:
    """RFC 2449 6.6."""
    for number in range(3):
        server.deliver(message(f"m{number}"), login)
    client = Client(server, "pop3s")
    client.send(f"USER {login}\r\nPASS {PASSWORD}\r\nSTAT\r\nDELE 1\r\nDELE 3\r\nSTAT\r\nQUIT\r\nNOOP\r\n".encode())
    lines = [client.line().split(" ")[1:3] for _ in range(7)]
    assert (lines[2][0], lines[5][0], lines[6]) == ("3", "1", ["Goodbye", "(2"])
    assert client.line() == ""
    assert _ready(server, login).done("STAT").startswith("+OK 1 ")


def test_what_comes_before_tls_is_forgotten(server: Peopled, login: str) -> None:
    """RFC 2595 4: nothing sent in the clear is obeyed once TLS is up."""
    client = Client(server, "pop3")
    client.send(f"STLS\r\nUSER {login}\r\n".encode())
    assert client.line().startswith("+OK")
    client.start_tls()
    client.send(f"PASS {PASSWORD}\r\n".encode())
    assert client.line() == "-ERR PASS follows USER"


def test_bytes_may_come_one_by_one(server: Peopled, login: str) -> None:
    client = Client(server, "pop3s")
    for octet in f"USER {login}\r\nPASS {PASSWORD}\r\nSTAT\r\n".encode():
        client.send(bytes([octet]))
    assert [client.line() for _ in range(3)][2] == "+OK 0 0"


def test_a_line_without_end_is_refused_and_the_session_goes_on(server: Peopled, login: str) -> None:
    client = _ready(server, login)
    client.send(b"STAT " + b"x" * 200_000 + b"\r\nNOOP\r\n")
    assert client.line() == "-ERR The line is too long"
    assert client.line() == "+OK"


def test_a_message_with_every_octet_ends_at_its_end(server: Peopled, login: str) -> None:
    """RFC 2449 3: a NUL is not sent; a lone CR or LF before a dot ends nothing."""
    content = b"Subject: x\r\n\r\n" + bytes(range(256)) + b"\n.\r\n\r.\r\n.\n"
    with smtplib.SMTP(HOST, server.ports["smtp"], CLIENT) as smtp:
        smtp.ehlo()
        smtp.mail(f"a@{DOMAIN}", ["BODY=BINARYMIME"])
        smtp.rcpt(login)
        smtp.send(b"BDAT %d LAST\r\n%b" % (len(content), content))
        assert smtp.getreply()[0] == 250
    client = _ready(server, login)
    client.send(b"RETR 1\r\nNOOP\r\n")
    received = b""
    while not received.endswith(b"+OK\r\n"):
        received += client.socket.recv(65536)
    assert received.startswith(b"+OK ")
    assert b"\0" not in received
    assert content[14:270].replace(b"\0", b"\x80") + b"\n..\r\n\r..\r\n..\n\r\n.\r\n+OK\r\n" in received


def test_a_client_that_leaves_in_a_message_removes_nothing(server: Peopled, login: str) -> None:
    for number in range(2):
        server.deliver(message(f"m{number}", "y" * 2_000_000 + "\r\n"), login)
    leaving = _ready(server, login)
    leaving.send(b"DELE 1\r\nRETR 2\r\n")
    assert leaving.line().startswith("+OK")
    leaving.socket.close()
    assert _ready(server, login).done("STAT").startswith("+OK 2 ")

"""IMAP over sockets where time and single bytes matter: what a conversation in a file cannot say."""

import smtplib

from tests.peopled import CLIENT, HOST, Peopled, message
from tests.running import DOMAIN, PASSWORD
from tests.system.imap.talk import Client


def _ready(server: Peopled, login: str, command: str) -> Client:
    client = Client(server, "imaps")
    client.line()
    client.command(f"LOGIN {login} {PASSWORD}")
    if command:
        client.command(command)
    return client


def test_idle_hears_of_mail_without_asking(server: Peopled, login: str) -> None:
    client = _ready(server, login, "SELECT INBOX")
    client.send(b"a IDLE\r\n")
    assert client.line() == "+ idling"
    server.deliver(message("news"), login)
    assert client.line() == "* 1 EXISTS"


def test_what_comes_before_tls_is_forgotten(server: Peopled, login: str) -> None:
    """RFC 3501 6.2.1, RFC 9051 11.1: nothing sent in the clear is obeyed once TLS is up."""
    client = Client(server, "imap")
    client.line()
    client.send(f"a STARTTLS\r\nb LOGIN {login} {PASSWORD}\r\n".encode())
    assert client.line().startswith("a OK")
    client.start_tls()
    client.send(b"c SELECT INBOX\r\n")
    assert client.line().startswith("c BAD")


def test_bytes_may_come_one_by_one(server: Peopled, login: str) -> None:
    client = _ready(server, login, "")
    for (
        octet
    ) in b'a APPEND INBOX (\\Seen) "01-Jan-2020 00:00:00 +0000" {6+}\r\nx: \r\n\r\nb STATUS "INBOX" (MESSAGES)\r\n':
        client.send(bytes([octet]))
    assert client.line().startswith("a OK [APPENDUID ")
    assert client.line() == "* STATUS INBOX (MESSAGES 1)"


def test_a_line_without_end_is_refused_and_the_session_goes_on(server: Peopled, login: str) -> None:
    client = _ready(server, login, "")
    client.send(b"a SELECT " + b"x" * 200_000 + b"\r\nb NOOP\r\n")
    assert client.line().startswith("a BAD ")
    assert client.line().startswith("b OK ")


def test_octets_before_login_are_few(server: Peopled) -> None:
    """A literal that nobody waited for is skipped when it is small and ends the session when it is not."""
    client = Client(server, "imap")
    client.line()
    client.send(b"a APPEND INBOX {100+}\r\n" + b"x" * 100 + b"\r\nb NOOP\r\n")
    assert client.line().startswith("a BAD ")
    assert client.line().startswith("b OK ")
    client.send(b"c APPEND INBOX {1000000000+}\r\n")
    assert client.line().startswith("* BYE ")
    assert client.line() == ""


def test_a_client_that_leaves_in_the_middle_harms_nobody(server: Peopled, login: str) -> None:
    leaving = _ready(server, login, "SELECT INBOX")
    leaving.send(b"a APPEND INBOX {100}\r\n")
    assert leaving.line().startswith("+ ")
    leaving.send(b"half")
    leaving.socket.close()
    client = _ready(server, login, "")
    client.send(b"a STATUS INBOX (MESSAGES UIDNEXT)\r\n")
    assert client.line() == "* STATUS INBOX (MESSAGES 0 UIDNEXT 1)"


def test_no_nul_is_sent_whatever_a_message_holds(server: Peopled, login: str) -> None:
    """RFC 3501 9: a literal is of CHAR8; a binary message may hold NUL all the same."""
    with smtplib.SMTP(HOST, server.ports["smtp"], CLIENT) as smtp:
        smtp.ehlo()
        smtp.mail(f"a@{DOMAIN}", ["BODY=BINARYMIME"])
        smtp.rcpt(login)
        smtp.send(b"BDAT 17 LAST\r\nSubject: x\r\n\r\na\0b")
        assert smtp.getreply()[0] == 250
    client = _ready(server, login, "SELECT INBOX")
    client.send(b"a FETCH 1 BODY[TEXT]\r\n")
    assert client.line().endswith("BODY[TEXT] {3}")
    assert client.line() == "a\\x80b)"

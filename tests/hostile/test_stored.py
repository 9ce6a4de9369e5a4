"""What the worst of messages make of FETCH is still IMAP, for a reader that forgives nothing; and of RETR still POP3,
for one that forgives all."""

import random
import re

import pytest

from tests.hostile.client import imap, pop3
from tests.hostile.response import check_envelope, check_structure, parse
from tests.running import Running

pytestmark = pytest.mark.kill

MESSAGES = 300
FIELDS = (
    b"Subject From To Cc Bcc Sender Reply-To Message-ID In-Reply-To References Date Content-Type Content-Disposition"
    b" Content-ID Content-Description Content-Language Content-Location Content-MD5 Content-Transfer-Encoding"
).split()
PIECES = (
    *(bytes((byte,)) for byte in b'\0"\\\r\n\xff()<>@,;: \t\x7f\x1b'),
    b"\xed\xa0\x80",  # a lone surrogate
    b"\xe2\x80\xa8",  # a line separator
    b"\r\n ",
    b"a@b.c",
    b"=?utf-8?b?7aCA?=",
    b"=?utf-8?q?=00=0d=0a?=",
    b"text/plain",
    b"multipart/mixed; boundary=b",
    b"message/rfc822",
    b"charset=",
    b"name*0*=utf-8''%00",
    b"name*1=x",
    b"attachment",
    b'filename="',
    b"{5}",
    b"NIL",
    b"en, de",
    b"x" * 1200,
)


def header(dice: random.Random) -> bytes:
    lines = (
        dice.choice(FIELDS) + b": " + b"".join(dice.choices(PIECES, k=dice.randrange(8)))
        for _ in range(dice.randrange(10))
    )
    return b"".join(line + dice.choice((b"\r\n", b"\n")) for line in lines)


def message(dice: random.Random) -> bytes:
    parts = b"".join(
        b"--b\r\n" + header(dice) + dice.choice((b"\r\n", b"Content-Type: message/rfc822\r\n\r\n")) + header(dice)
        for _ in range(dice.randrange(4))
    )
    kind = dice.choice((b"", b"Content-Type: multipart/mixed; boundary=b\r\n"))
    return b"Subject: hostile\r\n" + header(dice) + kind + b"\r\n" + parts


def test_fetch_is_always_imap(server: Running) -> None:
    client = imap(server)
    client.command(b"CREATE stored")
    dice = random.Random(7)
    for _ in range(MESSAGES):
        raw = message(dice).replace(b"\0", b"")  # no literal may carry one (RFC 3501 9)
        client.send(b"a APPEND stored {%d+}\r\n%b\r\n" % (len(raw), raw))
        assert client.line().startswith(b"a OK")
    client.command(b"EXAMINE stored")
    client.send(b"f FETCH 1:* (ENVELOPE BODYSTRUCTURE)\r\n")
    answer = b""
    while not answer.endswith(b"f OK FETCH completed\r\n"):
        answer += client.socket.recv(1 << 20)
    responses = re.split(rb"\* \d+ FETCH \(ENVELOPE ", answer.removesuffix(b"f OK FETCH completed\r\n"))[1:]
    assert len(responses) == MESSAGES
    for response in responses:
        values = parse(b"(" + response.removesuffix(b"\r\n").replace(b" BODYSTRUCTURE (", b" (", 1))
        assert isinstance(values, list)
        check_envelope(values[0])
        check_structure(values[1])


def test_retr_ends_where_the_message_does(server: Running) -> None:
    """However a client tells lines apart; and each message is as long as LIST says, but for a CRLF at its end."""
    dice = random.Random(8)
    raws = [
        message(dice).replace(b"\0", b"") + b"".join(dice.choices((b".", b"\r", b"\n", b"\r\n", b"x"), k=9))
        for _ in range(MESSAGES)
    ]
    client = imap(server, "bob")
    for raw in raws:
        client.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(raw), raw))
        assert client.line().startswith(b"a OK")
    client = pop3(server, "bob", utf8=True)
    client.send(b"STAT\r\n")
    first = int(client.line().split()[1]) - MESSAGES + 1
    for number, raw in enumerate(raws, first):
        client.send(b"LIST %d\r\nRETR %d\r\nNOOP\r\n" % (number, number))
        assert client.line() == b"+OK %d %d" % (number, len(raw))
        assert client.line() == b"+OK %d octets" % len(raw)
        received = b""
        while not received.endswith(b"\r\n.\r\n+OK\r\n"):
            received += client.line() + b"\r\n"
        body = received.removesuffix(b".\r\n+OK\r\n")
        assert b"." not in re.split(rb"\r\n|\r|\n", body)


@pytest.mark.parametrize("name", [b'"a\\"b"', b'"&IAs-"', b'"&-&-"', b'"NIL"', b'" "', b'"\\\\"', b'"{3}"', b"x" * 400])
def test_odd_names_are_said_as_they_were_given(server: Running, name: bytes) -> None:
    client = imap(server)
    assert client.command(b"CREATE " + name)[-1].startswith(b"a OK")
    listed = client.command(b'LIST "" ' + name)[0].split(b'"/" ', 1)[1]
    assert client.command(b"SELECT " + listed)[-1].startswith(b"a OK")
    client.command(b"DELETE " + listed)


@pytest.mark.parametrize("name", [b'"&AAo-"', b'"&AA0ACg-x"', b'"&2AE-"', b"{4+}\r\na\r\nb", b'"a//b"', b"x" * 500])
def test_names_that_cannot_be(server: Running, name: bytes) -> None:
    assert imap(server).command(b"CREATE " + name)[-1].startswith(b"a NO [CANNOT]")
